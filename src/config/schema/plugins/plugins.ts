import { later, option, optional } from "../../option.ts";
import { integer } from "../../type/number.ts";
import { directory, file } from "../../type/path.ts";
import { flag } from "../../type/text.ts";

/** Which plugins start with the broker. */
export const plugins = {
  "plugins.vmq_passwd": option(flag, "on", {
    doc: "Lets clients in whose user name and password are in the password file.",
    visibility: "live",
  }),
  "plugins.vmq_acl": option(flag, "on", {
    doc: "Decides by the rules of the ACL file what clients may publish and subscribe to.",
    visibility: "live",
  }),
  "plugins.vmq_diversity": option(flag, "off", {
    doc: "Lets scripts and databases decide who may connect, publish and subscribe.",
    visibility: "live",
    status: later("authentication by scripts and databases"),
  }),
  "plugins.vmq_webhooks": option(flag, "off", {
    doc: "Lets an HTTP service decide who may connect, publish and subscribe, and tells it what happens.",
    visibility: "live",
    status: later("webhooks"),
  }),
  "plugins.vmq_bridge": option(flag, "off", {
    doc: "Exchanges messages with other brokers.",
    visibility: "live",
    status: later("bridges"),
  }),
  "plugins.$name": optional(flag, {
    doc: "Starts the plugin of this name with the broker.",
    visibility: "commented",
    example: "on",
  }),
  "plugins.$name.path": optional(directory, {
    doc: "The directory of a plugin that does not come with the broker.",
    visibility: "commented",
    example: "/path/to/plugin",
  }),
  "plugins.$name.priority": optional(integer(), {
    doc: "The place of a plugin in the order in which plugins are asked: those with a number come first, the smallest before all; the others follow by name.",
    visibility: "commented",
    example: "5",
  }),
};

/** The password file. */
export const passwd = {
  "vmq_passwd.password_file": option(file, "./etc/vmq.passwd", {
    doc: "The file with user names and hashed passwords, which the command vmq-passwd writes.",
    visibility: "live",
    runtime: true,
  }),
  "vmq_passwd.password_reload_interval": option(integer({ min: 0 }), "10", {
    doc: "How often the password file is looked at for changes; 0 never.",
    visibility: "live",
    runtime: true,
    unit: "seconds",
  }),
};

/** The ACL file. */
export const acl = {
  "vmq_acl.acl_file": option(file, "./etc/vmq.acl", {
    doc: "The file with the rules for publishing and subscribing.",
    visibility: "live",
    runtime: true,
  }),
  "vmq_acl.acl_reload_interval": option(integer({ min: 0 }), "10", {
    doc: "How often the ACL file is looked at for changes; 0 never.",
    visibility: "live",
    runtime: true,
    unit: "seconds",
  }),
};
