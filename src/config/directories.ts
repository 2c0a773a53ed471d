import { isAbsolute, join } from "node:path";

/** The directories of an installation, as absolute paths. */
export interface Directories {
  readonly data: string;
  readonly log: string;
  readonly etc: string;
  readonly run: string;
  readonly lib: string;
  readonly share: string;
}

const NAMED = /^(?:\.\/)?(data|log|etc|run|lib|share)(?:\/(.*))?$/;

/**
 * The absolute form of a path in the configuration. A relative path that begins with the name of one of the
 * broker's directories (`./etc/vmq.acl`, `log/console.log`) lies in that directory, wherever the installation
 * put it; any other relative path starts at the directory of the configuration. The empty text stays empty.
 */
export function resolvePath(path: string, directories: Directories): string {
  if (path === "" || isAbsolute(path)) return path;
  const match = NAMED.exec(path);
  switch (match?.[1]) {
    case "data":
    case "log":
    case "etc":
    case "run":
    case "lib":
    case "share":
      return join(directories[match[1]], match[2] ?? "");
    default:
      return join(directories.etc, path);
  }
}
