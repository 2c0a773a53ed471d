import { compatibility, later, option, optional } from "../option.ts";
import { byteSize, integer } from "../type/number.ts";
import { directory, directoryOrOff } from "../type/path.ts";
import { socketOptions } from "../type/socket-options.ts";
import { flag, nodeName, string, word } from "../type/text.ts";

const CLUSTER = later("the cluster");
const BEAM = compatibility("it belongs to the Erlang runtime, which this broker does not use");
const ROUTING = compatibility("there is one routing table");

/** The node itself: its name and its directories. */
export const node = {
  nodename: option(nodeName, "VerneMQ@127.0.0.1", {
    doc: "The name of this node, in the form name@host. It appears in the topics below $SYS and in the output of commands, and identifies the node in a cluster.",
    visibility: "live",
  }),
  distributed_cookie: option(string, "vmq", {
    doc: "The secret that all nodes of a cluster share. Nodes with different ones do not talk to each other.",
    visibility: "live",
    secret: true,
    status: CLUSTER,
  }),
  platform_data_dir: option(directory, "./data", {
    doc: "The directory below which the broker keeps its data. A directory given on the command line or by the environment wins.",
  }),
  accept_eula: optional(string, {
    doc: "Consent to the licence of the vendor's VerneMQ packages.",
    status: { kind: "works" },
  }),
  static_read_buffer: option(flag, "on", {
    doc: "Reads all connections through one buffer and writes to them without a stream, which saves memory and time. It relies on parts of the runtime that are found out at the start; where they are missing the ordinary way is used.",
  }),
  "setup.data_dir": option(directory, "./data", {
    doc: "A copy of the data directory's path.",
    status: BEAM,
  }),
  "setup.log_dir": option(directory, "./log", { doc: "A copy of the log directory's path.", status: BEAM }),
  wait_for_proc: option(word, "vmq_server_sup", {
    doc: "The process whose start ends the start of the node.",
    status: BEAM,
  }),
  default_schema_dir: option(directoryOrOff, "off", {
    doc: "Where further schema files lie.",
    status: BEAM,
  }),
  sasl: option(flag, "off", { doc: "Reports of the runtime's supervisors.", status: BEAM }),
  queue_sup_sup_children: option(integer({ min: 1 }), "50", {
    doc: "How many supervisors share the queues.",
    status: BEAM,
  }),
  default_reg_view: option(word, "vmq_reg_trie", {
    doc: "The routing table that routes messages.",
    status: ROUTING,
  }),
  reg_views: option(string, "[vmq_reg_trie]", { doc: "The routing tables that are kept.", status: ROUTING }),
  "fanout.shard_count": option(integer({ min: 1 }), "1", {
    doc: "Into how many parts the delivery to many local subscribers is split.",
    status: compatibility("fan-out is not split into parts"),
  }),
  "fanout.async_handoff": option(flag, "off", {
    doc: "Does not wait until the parts of a delivery are done.",
    status: compatibility("fan-out is not split into parts"),
  }),
  tcp_listen_options: option(
    socketOptions,
    "[{nodelay, true}, {linger, {true, 0}}, {send_timeout, 30000}, {send_timeout_close, true}]",
    {
      doc: "Options of the sockets of all listeners, as an Erlang term. {keepalive, true} has the system probe connections after a minute without traffic, and ends those whose peer does not answer. {nodelay, false} lets small packets wait for each other. Other options have no effect.",
    },
  ),
};

/** How nodes of a cluster work together. */
export const cluster = {
  metadata_plugin: option(word, "vmq_swc", {
    doc: "The store of what all nodes know: vmq_swc or vmq_plumtree.",
    status: compatibility("there is one metadata store"),
  }),
  outgoing_clustering_buffer_size: option(integer({ min: 0 }), "67108864", {
    doc: "How much is kept for each node that cannot be reached.",
    unit: "bytes",
    status: CLUSTER,
  }),
  incoming_clustering_buffer_size: option(integer({ min: 0 }), "67108864", {
    doc: "The largest frame that is taken from another node.",
    unit: "bytes",
    status: CLUSTER,
  }),
  outgoing_clustering_flush_threshold: option(integer({ min: 0 }), "65536", {
    doc: "How much is collected for another node before it is written.",
    unit: "bytes",
    status: CLUSTER,
  }),
  outgoing_cluster_handshake_ack_timeout: option(integer({ min: 0 }), "250", {
    doc: "How long another node may take to answer the first message of a connection.",
    unit: "milliseconds",
    status: CLUSTER,
  }),
  outgoing_connect_options: option(string, "[{keepalive, true}, {send_timeout, 0}]", {
    doc: "Options of the sockets to other nodes, as an Erlang term.",
    status: compatibility("the broker chooses its socket options itself"),
  }),
  remote_enqueue_timeout: option(
    {
      name: "integer or infinity",
      allowed: "a whole number of at least 0, or infinity",
      parse: (text, context) =>
        text === "infinity" ? { ok: true, value: Infinity } : integer({ min: 0 }).parse(text, context),
    },
    "5000",
    {
      doc: "How long another node may take to accept a message for one of its queues.",
      unit: "milliseconds",
      runtime: true,
      status: CLUSTER,
    },
  ),
  cluster_ready_rpc_timeout: option(integer({ min: 0 }), "5000", {
    doc: "How long asking all nodes whether they are ready may take.",
    unit: "milliseconds",
    runtime: true,
    status: CLUSTER,
  }),
  max_drain_time: option(integer({ min: 0 }), "500", {
    doc: "How long a queue stays behind on the node that it leaves, and the wait before another attempt.",
    unit: "milliseconds",
    status: CLUSTER,
  }),
  max_msgs_per_drain_step: option(integer({ min: 1 }), "100", {
    doc: "How many messages of a queue move to another node in one step.",
    status: CLUSTER,
  }),
};

/** Settings of the Erlang runtime, which users' files contain. */
export const erlang = {
  "erlang.K": option(flag, "on", { doc: "Kernel polling.", status: BEAM }),
  "erlang.W": option(word, "w", { doc: "The level of the runtime's warnings.", status: BEAM }),
  "erlang.async_threads": option(integer({ min: 0, max: 1024 }), "64", {
    doc: "Threads for file operations.",
    status: BEAM,
  }),
  "erlang.async_threads.stack_size": optional(byteSize(), {
    doc: "The stack of such a thread.",
    status: BEAM,
  }),
  "erlang.crash_dump": option(
    { ...directory, name: "file", allowed: "the path of a file" },
    "./log/erl_crash.dump",
    {
      doc: "Where the runtime writes what was in memory when it crashed.",
      status: BEAM,
    },
  ),
  "erlang.distribution.interface": optional(string, {
    doc: "The address on which control traffic between nodes is taken.",
    status: CLUSTER,
  }),
  "erlang.distribution.net_ticktime": optional(integer({ min: 1 }), {
    doc: "After how much silence another node counts as gone.",
    unit: "seconds",
    status: CLUSTER,
  }),
  "erlang.distribution.port_range.maximum": optional(integer({ min: 0, max: 65535 }), {
    doc: "The last port for control traffic between nodes.",
    status: compatibility("the nodes of a cluster use one port, that of listener.vmq"),
  }),
  "erlang.distribution.port_range.minimum": optional(integer({ min: 0, max: 65535 }), {
    doc: "The first port for control traffic between nodes.",
    status: compatibility("the nodes of a cluster use one port, that of listener.vmq"),
  }),
  "erlang.distribution_buffer_size": optional(byteSize({ min: 1024, max: 2097151 * 1024 }), {
    doc: "The buffer for traffic between nodes.",
    status: BEAM,
  }),
  "erlang.fullsweep_after": option(integer({ min: 0 }), "0", {
    doc: "After how many small garbage collections a large one follows.",
    status: BEAM,
  }),
  "erlang.max_ets_tables": option(integer({ min: 1 }), "256000", {
    doc: "How many tables there may be.",
    status: BEAM,
  }),
  "erlang.max_ports": option(integer({ min: 1024, max: 134217727 }), "262144", {
    doc: "How many files and sockets may be open.",
    status: compatibility("the limit is that of the operating system for open files"),
  }),
  "erlang.process_limit": option(integer({ min: 1 }), "256000", {
    doc: "How many processes there may be inside the runtime.",
    status: BEAM,
  }),
  "erlang.schedulers.compaction_of_load": optional(word, {
    doc: "Gathers work on few threads.",
    status: BEAM,
  }),
  "erlang.schedulers.force_wakeup_interval": optional(integer({ min: 0 }), {
    doc: "How often sleeping threads look for work.",
    unit: "milliseconds",
    status: BEAM,
  }),
  "erlang.schedulers.online": optional(integer({ min: 1, max: 1024 }), {
    doc: "How many threads do work.",
    status: BEAM,
  }),
  "erlang.schedulers.total": optional(integer({ min: 1, max: 1024 }), {
    doc: "How many threads there are for work.",
    status: BEAM,
  }),
  "erlang.schedulers.utilization_balancing": optional(word, {
    doc: "Spreads work evenly over threads.",
    status: BEAM,
  }),
  "erlang.smp": option(word, "enable", { doc: "The use of several threads.", status: BEAM }),
};
