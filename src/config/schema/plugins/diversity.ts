import { compatibility, later, type Option, type OptionFacts, option, optional } from "../../option.ts";
import { integer } from "../../type/number.ts";
import { directory, file } from "../../type/path.ts";
import { enumeration, flag, string, word } from "../../type/text.ts";

const status = later("authentication by scripts and databases");
const visibility = "commented";
type OptionsOfDatabase = Record<string, Option<unknown>>;

interface Database {
  readonly title: string;
  readonly port: string;
  /** Database, user and password as relational databases have them. */
  readonly relational?: true;
  /** Is TLS on by default? Absent: there is none. */
  readonly tls?: "on" | "off";
  /** The ways in which passwords may be stored, the default first. */
  readonly hashes?: readonly [string, ...string[]];
  /** Can it decide who may connect, by a script that comes with the broker? Default: yes. */
  readonly auth?: false;
}

const databases: Readonly<Record<string, Database>> = {
  postgres: { title: "PostgreSQL", port: "5432", relational: true, tls: "off", hashes: ["crypt", "bcrypt"] },
  cockroachdb: {
    title: "CockroachDB",
    port: "5432",
    relational: true,
    tls: "on",
    hashes: ["bcrypt", "sha256"],
  },
  mysql: { title: "MySQL", port: "3306", relational: true, hashes: ["password", "md5", "sha1", "sha256"] },
  mysql2: {
    title: "MySQL 8 or MariaDB",
    port: "3306",
    relational: true,
    tls: "off",
    hashes: ["sha256", "password", "md5", "sha1"],
  },
  mongodb: { title: "MongoDB", port: "27017", tls: "off" },
  redis: { title: "Redis", port: "6379" },
  memcache: { title: "Memcached", port: "11211", auth: false },
};

function tlsOptions(title: string, enabled: string): OptionsOfDatabase {
  const pem = { visibility, status } satisfies Partial<OptionFacts>;
  return {
    ssl: option(flag, enabled, { doc: `Uses TLS towards ${title}.`, visibility: "live", status }),
    cafile: option(file, "", {
      ...pem,
      doc: `The certificates of the authorities that may vouch for ${title}, as a PEM file.`,
      example: "./etc/cacerts.pem",
    }),
    certfile: option(file, "", {
      ...pem,
      doc: `The broker's certificate towards ${title}, as a PEM file.`,
      example: "./etc/cert.pem",
    }),
    keyfile: option(file, "", {
      ...pem,
      doc: "The key of that certificate, as a PEM file.",
      example: "./etc/key.pem",
    }),
    "ssl.verify": option(enumeration("verify_peer", "verify_none"), "verify_peer", {
      doc: `Whether the certificate of ${title} is checked.`,
      visibility: "live",
      status,
    }),
    "ssl.use_system_cas": option(flag, "on", {
      doc: "Trusts the authorities that the operating system trusts.",
      visibility: "live",
      status,
    }),
    "ssl.customize_hostname_check": option(enumeration("https"), "https", {
      doc: "The rules by which the name in the certificate is compared.",
      visibility,
      status,
    }),
    "ssl.depth": option(integer({ min: 0 }), "3", {
      doc: "How many certificates may lie between the server's certificate and the authority's.",
      status,
    }),
  };
}

function relationalOptions(title: string): OptionsOfDatabase {
  return {
    user: option(string, "root", { doc: `The user for ${title}.`, visibility, status }),
    password: option(string, "password", {
      doc: `The password for ${title}.`,
      visibility,
      secret: true,
      status,
    }),
    database: option(string, "vernemq_db", { doc: `The database within ${title}.`, visibility, status }),
  };
}

function databaseOptions({ title, port, relational, tls, hashes, auth }: Database): OptionsOfDatabase {
  const options: OptionsOfDatabase = {
    host: option(string, "localhost", { doc: `The host of ${title}.`, visibility, status }),
    port: option(integer({ min: 1, max: 65535 }), port, { doc: `The port of ${title}.`, visibility, status }),
  };
  if (auth !== false) {
    options.pool_size = option(integer({ min: 1 }), "5", {
      doc: `How many connections to ${title} there are.`,
      status,
    });
  }
  if (relational) Object.assign(options, relationalOptions(title));
  if (tls !== undefined) Object.assign(options, tlsOptions(title, tls));
  if (hashes !== undefined) {
    options.password_hash_method = option(enumeration(...hashes), hashes[0], {
      doc: `How passwords are stored in ${title}.`,
      visibility: "live",
      status,
    });
  }
  return options;
}

const extraOptions: Readonly<Record<string, OptionsOfDatabase>> = {
  mongodb: {
    auth_source: option(string, "admin", { doc: "The database that knows the login.", visibility, status }),
    database: optional(string, {
      doc: "The database within MongoDB.",
      visibility,
      example: "vernemq_db",
      status,
    }),
    login: optional(string, { doc: "The user for MongoDB.", visibility, example: "my-user", status }),
    password: optional(string, {
      doc: "The password for MongoDB.",
      visibility,
      example: "my-password",
      secret: true,
      status,
    }),
    read_preference: option(
      enumeration("primary", "primaryPreferred", "secondary", "secondaryPreferred", "nearest"),
      "primaryPreferred",
      { doc: "Which member of a replica set is read from.", status },
    ),
    srv: option(string, "", {
      doc: "A name in the DNS whose SRV records tell the hosts, instead of host and port.",
      status,
    }),
    "ssl.sni": optional(string, { doc: "The name that the certificate of MongoDB must have.", status }),
    w_mode: option(word, "safe", { doc: "Whether writes are confirmed.", status }),
  },
  redis: {
    database: option(integer({ min: 0 }), "0", {
      doc: "The number of the database within Redis.",
      visibility,
      status,
    }),
    user: option(string, "", { doc: "The user for Redis.", visibility, example: "my-user", status }),
    password: option(string, "", {
      doc: "The password for Redis.",
      visibility,
      example: "my-password",
      secret: true,
      status,
    }),
  },
};

function authOptions(name: string, title: string): OptionsOfDatabase {
  return {
    [`vmq_diversity.auth_${name}.enabled`]: option(flag, "off", {
      doc: `Lets ${title} decide who may connect, publish and subscribe.`,
      visibility: "live",
      status,
    }),
    [`vmq_diversity.auth_${name}.script`]: option(file, `./share/lua/auth/${name}.lua`, {
      doc: `The script that asks ${title}.`,
      status,
    }),
  };
}

function allDatabases(): OptionsOfDatabase {
  const all: OptionsOfDatabase = {};
  for (const [name, database] of Object.entries(databases)) {
    if (database.auth !== false) Object.assign(all, authOptions(name, database.title));
    const own = { ...databaseOptions(database), ...extraOptions[name] };
    for (const [key, entry] of Object.entries(own)) all[`vmq_diversity.${name}.${key}`] = entry;
  }
  return all;
}

/** Scripts and databases that decide who may do what. */
export const diversity: Readonly<Record<string, Option<unknown>>> = {
  "vmq_diversity.script_dir": option(directory, "./share/lua", {
    doc: "The directory whose scripts are loaded.",
    visibility: "live",
    status,
  }),
  "vmq_diversity.$script.file": optional(file, {
    doc: "A further script. Scripts are loaded in the order of these names, after those of the directory.",
    visibility,
    example: "./share/lua/my-script.lua",
    status,
  }),
  "vmq_diversity.keep_state": option(flag, "off", {
    doc: "Keeps what a script remembers from one call to the next.",
    runtime: true,
    status,
  }),
  "vmq_diversity.nr_lua_states": option(integer({ min: 1 }), "1", {
    doc: "How many copies of each script work side by side.",
    status,
  }),
  ...allDatabases(),
  "vmq_diversity.clique_lead_line": option(string, " script Manage lua scripts ", {
    doc: "A line of the help of vmq-admin.",
    status: compatibility("the help of commands cannot be configured"),
  }),
};
