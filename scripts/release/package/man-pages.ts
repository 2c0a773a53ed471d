/** The man pages, from the places that the programs themselves take it from: their options, commands and settings. */

import type { Command as Program } from "commander";
import { fakePorts } from "../../../src/admin/admin-test-support.ts";
import type { Command } from "../../../src/admin/command.ts";
import { createAdmin } from "../../../src/admin/node-admin.ts";
import { vernemqCommands, vernemqProgram } from "../../../src/cli/vernemq.ts";
import { passwdProgram } from "../../../src/cli/vmq-passwd.ts";
import { describeOption } from "../../../src/config/description.ts";
import { areas } from "../../../src/config/schema/schema.ts";
import { literal, manPage, prose, tagged } from "./troff.ts";

export interface Edition {
  readonly version: string;
  /** `YYYY-MM-DD` */
  readonly date: string;
}

/** The pages by file name, `vernemq.8`. */
export function manPages(edition: Edition): ReadonlyMap<string, string> {
  return new Map([
    ["vernemq.8", vernemqPage(edition)],
    ["vmq-admin.8", adminPage(edition)],
    ["vmq-passwd.8", passwdPage(edition)],
    ["vernemq.conf.5", configurationPage(edition)],
  ]);
}

/** The commands of a node, in the order of their words. */
export function adminCommands(): readonly Command[] {
  return [...createAdmin(fakePorts()).commands()].sort((a, b) =>
    a.path.join(" ") < b.path.join(" ") ? -1 : 1,
  );
}

/** The commands of `vernemq`, those of groups with both words. */
function subCommands(program: Program, before: readonly string[] = []): (readonly [string, string])[] {
  return vernemqCommands(program).flatMap((command) => {
    const words = [...before, command.name()];
    const named = command.registeredArguments.map(
      (argument) => `[${argument.name()}${argument.variadic ? "..." : ""}]`,
    );
    const own: (readonly [string, string])[] =
      command.commands.length === 0 ? [[[...words, ...named].join(" "), command.description()]] : [];
    return [...own, ...subCommands(command, words)];
  });
}

function options(program: Program): string {
  return program.options.map(({ flags, description }) => tagged(flags, sentence(description))).join("\n");
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}

const EXIT_STATUS = prose(
  "0 when the command did what it says, 1 when it could not; the reason is then on standard error.",
);

const SERVICE = [
  "Where systemd runs the system, `start`, `stop` and `restart`, given by root, are passed on to the service.",
  "Everything else that root asks for is done as the user `vernemq`, so that no file of the broker ever belongs to root.",
  "Other users than these two are refused, unless all of `--data-dir`, `--log-dir` and `--run-dir` name places of their own.",
].join(" ");

function vernemqPage(edition: Edition): string {
  const program = vernemqProgram();
  return manPage({
    ...edition,
    name: "vernemq",
    section: 8,
    summary: "MQTT broker",
    sections: [
      ["SYNOPSIS", ".B vernemq\n.RI [ option ...]\n.I command"],
      [
        "DESCRIPTION",
        prose("Runs, starts, stops and checks an MQTT broker. `vernemq.conf`(5) tells what it does."),
      ],
      [
        "COMMANDS",
        subCommands(program)
          .map(([words, text]) => tagged(words, sentence(text)))
          .join("\n"),
      ],
      ["OPTIONS", options(program)],
      ["SERVICE", prose(SERVICE)],
      [
        "SIGNALS",
        [
          tagged("SIGTERM, SIGINT", "An orderly stop; the second one ends the broker at once."),
          tagged("SIGHUP", "The log files are opened again. `vernemq reload` reads the configuration again."),
        ].join("\n"),
      ],
      [
        "ENVIRONMENT",
        [
          tagged("VERNEMQ_CONF, VERNEMQ_DATA_DIR, VERNEMQ_LOG_DIR, VERNEMQ_RUN_DIR", "As the options above."),
          tagged("WAIT_FOR_ERLANG", "How many seconds `start` waits for the broker; 15."),
        ].join("\n"),
      ],
      [
        "FILES",
        [
          tagged("/etc/vernemq/vernemq.conf, /etc/vernemq/conf.d/*.conf", "The configuration."),
          tagged("/etc/vernemq/vmq.passwd", "Users and their hashed passwords."),
          tagged("/etc/vernemq/vmq.acl", "Who may publish and subscribe to what."),
          tagged(
            "/etc/default/vernemq, /etc/sysconfig/vernemq",
            "Variables for the service and the commands, on Debian and on Red Hat.",
          ),
          tagged("/var/lib/vernemq", "Sessions, messages, retained messages."),
          tagged("/var/log/vernemq", "Logs."),
          tagged("/run/vernemq", "Control socket and process id."),
          tagged("/usr/share/doc/vernemq/guides", "How to operate, configure and extend it."),
        ].join("\n"),
      ],
      ["EXIT STATUS", EXIT_STATUS],
      ["SEE ALSO", prose("`vmq-admin`(8), `vmq-passwd`(8), `vernemq.conf`(5)")],
    ],
  });
}

function adminPage(edition: Edition): string {
  const entries = adminCommands().flatMap((command) => {
    const keys = (command.keys ?? []).map(({ name, value }) => `${name}=<${value}>`);
    const rest = [
      ...(command.words === undefined ? [] : [command.words]),
      ...(command.anyKeys ? ["<key>=<value>..."] : []),
    ];
    const details = command.details === undefined ? [] : [".nf", ...command.details.map(literal), ".fi"];
    const flags = (command.flags ?? []).map(({ name, short, value, help }) => {
      const long = `--${name}${value === undefined ? "" : `=<${value}>`}`;
      return tagged(short === undefined ? long : `${long}, -${short}`, sentence(help));
    });
    return [
      tagged([...command.path, ...keys, ...rest].join(" "), command.summary),
      ...(details.length === 0 ? [] : [".IP", ...details]),
      ...(flags.length === 0 ? [] : [".RS", ...flags, ".RE"]),
    ];
  });
  return manPage({
    ...edition,
    name: "vmq-admin",
    section: 8,
    summary: "administer a running MQTT broker",
    sections: [
      ["SYNOPSIS", ".B vmq\\-admin\n.I command\n.RI [ flag ...]"],
      [
        "DESCRIPTION",
        prose(
          "Sends a command to the broker that runs, through its control socket. Only root and the user `vernemq` may do so.",
        ),
      ],
      ["COMMANDS", entries.join("\n")],
      [
        "OPTIONS",
        [
          tagged("--format=human|json|csv", "How the answer is printed, with every command."),
          tagged("--help", "What a command takes."),
          tagged(
            "--run-dir=<directory>",
            "Where the control socket of another broker is (`VERNEMQ_RUN_DIR`).",
          ),
        ].join("\n"),
      ],
      ["EXIT STATUS", EXIT_STATUS],
      ["SEE ALSO", prose("`vernemq`(8), `vernemq.conf`(5)")],
    ],
  });
}

function passwdPage(edition: Edition): string {
  return manPage({
    ...edition,
    name: "vmq-passwd",
    section: 8,
    summary: "edit the password file of an MQTT broker",
    sections: [
      [
        "SYNOPSIS",
        [
          ".B vmq\\-passwd\n[\\fB\\-c\\fR [\\fB\\-f\\fR] | \\fB\\-D\\fR]\n.I passwordfile username",
          ".br",
          ".B vmq\\-passwd \\-U\n.I passwordfile",
        ].join("\n"),
      ],
      [
        "DESCRIPTION",
        prose(
          "Adds a user or changes its password, which is asked for twice, or read from standard input as two lines. The file that the broker reads is `/etc/vernemq/vmq.passwd`; it looks for changes every ten seconds, and at once with `vernemq reload`. A new file belongs to the owner and group of its directory, and others may not read it.",
        ),
      ],
      ["OPTIONS", options(passwdProgram(() => Promise.resolve()))],
      ["EXIT STATUS", EXIT_STATUS],
      [
        "EXAMPLES",
        [
          ".nf",
          literal("vmq-passwd -c /etc/vernemq/vmq.passwd alice"),
          literal("printf 'secret\\nsecret\\n' | vmq-passwd /etc/vernemq/vmq.passwd bob"),
          ".fi",
        ].join("\n"),
      ],
      ["SEE ALSO", prose("`vernemq`(8), `vernemq.conf`(5)")],
    ],
  });
}

const FORMAT = [
  "One line sets one option: `key = value`. What stands after a `#` is a comment. Of several lines for one key the last counts.",
  "A value in single quotes keeps its blanks and may have a `#`. `include PATH` reads another file; its last part may have `*`.",
  "`$(KEY)` within a value is replaced by the value of that key or environment variable, `$(<PATH)` by the content of a file.",
  "A relative path that begins with `etc`, `data`, `log`, `run`, `lib` or `share` lies in that directory of the installation.",
];

function configurationPage(edition: Edition): string {
  const tables = areas.flatMap(({ title, intro, options: entries }) => {
    const shown = Object.entries(entries).filter(([, option]) => option.status?.kind !== "accepted");
    if (shown.length === 0) return [];
    return [
      `.SS ${literal(title)}`,
      prose(intro),
      ...shown.map(([key, option]) => {
        const facts = [`Allowed: ${option.type.allowed}.`];
        if (option.default !== undefined)
          facts.push(`Default: ${option.default === "" ? "empty" : option.default}.`);
        if (option.runtime) facts.push("Counts at once after `vernemq reload`.");
        return tagged(key, describeOption(option), facts.join(" "));
      }),
    ];
  });
  return manPage({
    ...edition,
    name: "vernemq.conf",
    section: 5,
    summary: "configuration of the MQTT broker",
    sections: [
      ["DESCRIPTION", FORMAT.map((text) => `.P\n${prose(text)}`).join("\n")],
      [
        "OPTIONS",
        `${prose("Words with a $ are free. `vernemq chkconfig` says whether a file is right, `vernemq config effective` what counts in the end.")}\n${tables.join("\n")}`,
      ],
      [
        "FILES",
        tagged(
          "/etc/vernemq/vernemq.conf, /etc/vernemq/conf.d/*.conf",
          "The second ones in the order of their names, before the lines of the first.",
        ),
      ],
      ["SEE ALSO", prose("`vernemq`(8), `vmq-admin`(8)")],
    ],
  });
}
