import { compatibility, option, optional } from "../option.ts";
import { byteSize, integer, numberOr } from "../type/number.ts";
import { directory } from "../type/path.ts";
import { enumeration, flag, word } from "../type/text.ts";
import { duration } from "../type/time.ts";

const ENGINE = compatibility("there is one database, and the broker tunes it itself");
const BACKEND = compatibility("messages are always stored in LevelDB");
const TIERED = compatibility("the database lies in one directory");
const EXPIRATION = compatibility("messages expire by the rules of MQTT, not of the database");
const METADATA = compatibility("what all nodes know is kept in the broker's one database");
const milliseconds = integer({ min: 0 });

/** The message store. */
export const messageStore = {
  message_store_plugin: option(word, "vmq_generic_msg_store", {
    doc: "The module that stores messages.",
    status: compatibility("there is one message store"),
  }),
  "vmq_generic_msg_store.store_dir": option(directory, "./data/msgstore", {
    doc: "The directory of the database that holds persistent sessions, their messages and retained messages.",
  }),
  "vmq_generic_msg_store.db_backend": option(word, "leveldb", {
    doc: "The database engine of the message store.",
    status: BACKEND,
  }),
  "vmq_generic_msg_store.nr_of_buckets": option(integer({ min: 1 }), "12", {
    doc: "Over how many databases messages are spread.",
    status: ENGINE,
  }),
  "store.sync": option(flag, "off", {
    doc: "Waits at every commit until the disk has confirmed it, so that even a power failure or a crash of the operating system loses nothing that was acknowledged. Without it a crash of the broker loses nothing, but a crash of the machine may lose the last moments. It costs much speed.",
    visibility: "commented",
  }),
  "message_store.max_uncommitted": option(byteSize({ min: 65536 }), "64MB", {
    doc: "How much may wait to be written to the database. Beyond it clients that publish with QoS 1 or 2 are paused until the disk has caught up.",
  }),
};

/** LevelDB, the database below the store. */
export const leveldb = {
  "leveldb.maximum_memory.percent": option(integer({ min: 1, max: 100 }), "70", {
    doc: "The share of the machine's memory that the database may use at most, in percent.",
    visibility: "live",
    shipped: { value: "20", why: "The rest is for connections, queues and the operating system." },
  }),
  "leveldb.maximum_memory": optional(byteSize(), {
    doc: "The memory that the database may use at most; it goes before the share in percent.",
  }),
  "leveldb.compression": option(flag, "on", {
    doc: "Compresses what the database writes.",
    visibility: "live",
  }),
  "leveldb.compression.algorithm": optional(enumeration("snappy", "lz4"), {
    doc: "How the database compresses: snappy or lz4.",
    usual: ["snappy", "lz4"],
    status: compatibility("compression always uses snappy"),
  }),
  "leveldb.sync_on_write": option(flag, "off", {
    doc: "The same as store.sync: either of the two switches it on.",
  }),
  "leveldb.write_buffer_size_min": option(byteSize(), "30MB", {
    doc: "The smallest size of the part of the database that is collected in memory before it is sorted into files.",
  }),
  "leveldb.write_buffer_size_max": option(byteSize(), "60MB", {
    doc: "The largest size of the part of the database that is collected in memory before it is sorted into files.",
  }),
  "leveldb.block.size": option(byteSize({ min: 1024 }), "4KB", {
    doc: "The size of a block of the database's files.",
  }),
  "leveldb.block.restart_interval": option(integer({ min: 1 }), "16", {
    doc: "How many keys of a block share the beginning of a key.",
  }),
  "leveldb.data_root": option(directory, "./data/leveldb", {
    doc: "The directory of databases that have no directory of their own.",
    status: compatibility("the message store has its directory in vmq_generic_msg_store.store_dir"),
  }),
  "leveldb.limited_developer_mem": option(flag, "off", {
    doc: "Uses little memory for tests.",
    status: ENGINE,
  }),
  "leveldb.bloomfilter": option(flag, "on", { doc: "Spares reading files that lack a key.", status: ENGINE }),
  "leveldb.block_cache_threshold": option(byteSize(), "32MB", {
    doc: "What is kept at least of the cache of blocks.",
    status: ENGINE,
  }),
  "leveldb.block.size_steps": option(integer({ min: 0 }), "16", {
    doc: "In how many steps blocks grow.",
    status: ENGINE,
  }),
  "leveldb.verify_checksums": option(flag, "on", {
    doc: "Compares checksums when reading.",
    status: compatibility("checksums are always compared"),
  }),
  "leveldb.verify_compaction": option(flag, "on", {
    doc: "Compares checksums when files are merged.",
    status: ENGINE,
  }),
  "leveldb.threads": option(integer({ min: 1 }), "71", { doc: "Threads of the database.", status: ENGINE }),
  "leveldb.fadvise_willneed": option(enumeration("true", "false"), "false", {
    doc: "Asks the operating system to keep files in memory.",
    status: ENGINE,
  }),
  "leveldb.compaction.trigger.tombstone_count": option(numberOr(integer({ min: 0 }), { off: 0 }), "1000", {
    doc: "How many deleted keys make a file be merged.",
    status: ENGINE,
  }),
  "leveldb.cache_object_warming": option(enumeration("true", "false"), "true", {
    doc: "Remembers which files were in use.",
    status: ENGINE,
  }),
  "leveldb.tiered": option(numberOr(integer({ min: 1, max: 6 }), { off: 0 }), "off", {
    doc: "From which level on files lie in the slow directory.",
    status: TIERED,
  }),
  "leveldb.tiered.path.fast": optional(directory, { doc: "The fast directory.", status: TIERED }),
  "leveldb.tiered.path.slow": optional(directory, { doc: "The slow directory.", status: TIERED }),
  "leveldb.expiration": option(flag, "off", { doc: "Lets the database drop old data.", status: EXPIRATION }),
  "leveldb.expiration.mode": option(enumeration("whole_file", "normal"), "whole_file", {
    doc: "Whether whole files or single keys are dropped.",
    status: EXPIRATION,
  }),
  "leveldb.expiration.retention_time": option(numberOr(duration, { unlimited: Infinity }), "unlimited", {
    doc: "After what time data is dropped.",
    status: EXPIRATION,
  }),
};

/** The metadata stores of VerneMQ. */
export const metadataStores = {
  "plumtree.directory": option(directory, "./data/meta", {
    doc: "The metadata store's directory.",
    status: METADATA,
  }),
  "plumtree.drop_i_have_threshold": option(integer({ min: 0 }), "1000000", {
    doc: "How many announcements may wait.",
    status: METADATA,
  }),
  "plumtree.outstanding_limit": option(integer({ min: 0 }), "250000", {
    doc: "How many unanswered messages there may be.",
    status: METADATA,
  }),
  "vmq_swc.db_backend": option(word, "leveldb", { doc: "The metadata store's engine.", status: METADATA }),
  "vmq_swc.directory": option(directory, "./data/swc_meta", {
    doc: "The metadata store's directory.",
    status: METADATA,
  }),
  "vmq_swc.dkm_directory": option(directory, "./data/swc_dkm", {
    doc: "The directory of the metadata store's key maps.",
    status: METADATA,
  }),
  "vmq_swc.enable_broadcast": option(flag, "on", {
    doc: "Sends changes to other nodes at once.",
    status: METADATA,
  }),
  "vmq_swc.exchange_batch_size": option(integer({ min: 1 }), "100", {
    doc: "How many entries are exchanged at once.",
    status: METADATA,
  }),
  "vmq_swc.fast_call_timeout": option(milliseconds, "5000", {
    doc: "How long a short request to another node may take.",
    unit: "milliseconds",
    status: METADATA,
  }),
  "vmq_swc.gc_interval": option(milliseconds, "15000", {
    doc: "How often what is no longer needed is removed.",
    unit: "milliseconds",
    status: METADATA,
  }),
  "vmq_swc.init_sync_procedure": option(flag, "off", {
    doc: "Synchronises fully at the start.",
    status: METADATA,
  }),
  "vmq_swc.periodic_gc": option(flag, "on", {
    doc: "Removes regularly what is no longer needed.",
    status: METADATA,
  }),
  "vmq_swc.prevent_nonempty_join": option(flag, "on", {
    doc: "Refuses to join a cluster with a node that has a history.",
    status: METADATA,
  }),
  "vmq_swc.swc_groups": option(integer({ min: 1, max: 100 }), "10", {
    doc: "Into how many groups entries are divided.",
    status: METADATA,
  }),
  "vmq_swc.sync_interval": option(milliseconds, "5000", {
    doc: "How often nodes compare what they know.",
    unit: "milliseconds",
    status: METADATA,
  }),
  "vmq_swc.sync_interval.leeway": option(milliseconds, "2500", {
    doc: "By how much that interval varies.",
    unit: "milliseconds",
    status: METADATA,
  }),
  "vmq_swc.sync_timeout": option(milliseconds, "60000", {
    doc: "How long a comparison may take.",
    unit: "milliseconds",
    status: METADATA,
  }),
};
