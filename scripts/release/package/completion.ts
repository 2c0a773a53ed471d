/** Completion for bash, from the commands that the programs know. */

import { vernemqCommands } from "../../../src/cli/vernemq.ts";
import { passwdProgram } from "../../../src/cli/vmq-passwd.ts";
import { adminCommands } from "./man-pages.ts";

/** The files by the name of the command that they complete. */
export function completions(): ReadonlyMap<string, string> {
  return new Map([
    ["vernemq", script("vernemq", vernemqWords(), "--conf --data-dir --log-dir --run-dir")],
    [
      "vmq-admin",
      script("vmq-admin", adminWords(), "--format=human --format=json --format=csv --help --run-dir"),
    ],
    ["vmq-passwd", passwdScript()],
  ]);
}

/** What may follow, by the words so far. */
type Words = ReadonlyMap<string, readonly string[]>;

function vernemqWords(): Words {
  const commands = vernemqCommands();
  const words = new Map([["", commands.map((command) => command.name())]]);
  for (const command of commands) {
    if (command.commands.length > 0)
      words.set(
        command.name(),
        command.commands.map((sub) => sub.name()),
      );
  }
  return words;
}

function adminWords(): Words {
  const words = new Map<string, Set<string>>();
  const add = (path: readonly string[], word: string): void => {
    const key = path.join(" ");
    words.set(key, (words.get(key) ?? new Set()).add(word));
  };
  for (const { path, flags = [], keys = [] } of adminCommands()) {
    for (const [index, word] of path.entries()) add(path.slice(0, index), word);
    for (const { name, value } of flags) add(path, `--${name}${value === undefined ? "" : "="}`);
    for (const { name } of keys) add(path, `${name}=`);
  }
  return new Map([...words].map(([path, found]) => [path, [...found].sort()]));
}

/** The words so far are what has been typed without options; a word that ends in `=` gets no blank. */
function script(command: string, words: Words, always: string): string {
  const name = `_${command.replaceAll("-", "_")}`;
  const cases = [...words].map(([path, next]) => `    '${path}') words='${next.join(" ")}' ;;`);
  return `# bash completion for ${command}

${name}() {
  local current=\${COMP_WORDS[COMP_CWORD]} path= words= word
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case $word in
    -* | *=* | =) ;;
    *) path=\${path:+$path }$word ;;
    esac
  done
  case $path in
${cases.join("\n")}
  esac
  [[ $current == -* ]] && words="$words ${always}"
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
  [[ \${#COMPREPLY[@]} -eq 1 && \${COMPREPLY[0]} == *= ]] && compopt -o nospace
  return 0
}
complete -F ${name} ${command}
`;
}

function passwdScript(): string {
  const flags = passwdProgram(() => Promise.resolve()).options.map(({ flags: flag }) => flag);
  return `# bash completion for vmq-passwd

_vmq_passwd() {
  local current=\${COMP_WORDS[COMP_CWORD]}
  if [[ $current == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W '${flags.join(" ")}' -- "$current")
  else
    mapfile -t COMPREPLY < <(compgen -f -- "$current")
  fi
}
complete -F _vmq_passwd vmq-passwd
`;
}
