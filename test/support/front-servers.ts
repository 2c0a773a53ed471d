/** Other people's servers in front of a broker, and a browser: haproxy, nginx, Chromium. Each on free ports of its own. */
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { join } from "node:path";
import { ended, portOpen, removeDirectory, run, startProcess, temporaryDirectory } from "./processes.ts";

/** A server that runs until it is stopped or the test process ends. */
export interface FrontServer {
  stop(): void;
}

/** The reason to skip tests that need a program; false when it is there. */
export async function without(
  program: "haproxy" | "nginx" | "chromium-headless-shell",
): Promise<string | false> {
  const argument = program === "chromium-headless-shell" ? "--version" : "-v";
  return (await run(program, [argument])).code === 0 ? false : `${program} is not installed`;
}

/** Starts haproxy with these sections; resolves when the port is open. */
export async function startHaproxy(sections: string, port: number): Promise<FrontServer> {
  const defaults = "defaults\n mode tcp\n timeout connect 5s\n timeout client 60s\n timeout server 60s\n";
  return await start("haproxy", (conf) => ["-db", "-f", conf], `${defaults}${sections}`, port);
}

/** Starts nginx with these lines within its `http` block; resolves when the port is open. */
export async function startNginx(lines: string, port: number): Promise<FrontServer> {
  const places = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
    (name) => `${name}_temp_path temp/${name};`,
  );
  const text =
    "daemon off; user root; worker_processes 1; pid nginx.pid; error_log stderr;\n" +
    `events { worker_connections 64; }\nhttp { access_log off; ${places.join(" ")}\n${lines}\n}\n`;
  return await start("nginx", (conf, directory) => ["-p", directory, "-e", "stderr", "-c", conf], text, port);
}

async function start(
  program: string,
  argv: (conf: string, directory: string) => string[],
  text: string,
  port: number,
): Promise<FrontServer> {
  const directory = temporaryDirectory();
  const conf = join(directory, `${program}.conf`);
  mkdirSync(join(directory, "temp"));
  writeFileSync(conf, text);
  let output = "";
  const child = startProcess(program, argv(conf, directory), {}, (more) => {
    output += more;
  });
  try {
    await portOpen(port, child, 10_000);
  } catch (error) {
    child.kill("SIGKILL");
    throw new Error(`${program} did not start: ${error instanceof Error ? error.message : error}\n${output}`);
  }
  return {
    stop() {
      child.kill("SIGTERM");
      removeDirectory(directory);
    },
  };
}

/**
 * Opens a page in headless Chromium that runs `script`, with the files at their paths, and resolves with what the script
 * sends to `/result`. Certificates of servers are not checked.
 */
export async function runInBrowser(
  script: string,
  files: ReadonlyMap<string, Buffer>,
  deadlineMs = 60_000,
): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const server = createServer((request, response) => {
    if (request.method === "POST") {
      request.setEncoding("utf8");
      request.on("data", (text: string) => resolve(text));
      request.on("end", () => response.end());
      return;
    }
    const scripts = [...files.keys()].map((path) => `<script src="${path}"></script>`);
    const page = `<!doctype html><meta charset="utf-8">${scripts.join("")}<script>${script}</script>`;
    response.end(files.get(request.url ?? "") ?? (request.url === "/" ? page : ""));
  });
  const port = await listenAnywhere(server);
  const directory = temporaryDirectory();
  let output = "";
  // Debian's command is a script that stays between: a signal would end it and leave the browser.
  const debian = "/usr/lib/chromium/chromium-headless-shell";
  const child = startProcess(
    existsSync(debian) ? debian : "chromium-headless-shell",
    [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-dev-shm-usage",
      "--ignore-certificate-errors",
      `--user-data-dir=${directory}`,
      "--remote-debugging-port=0",
      `http://127.0.0.1:${port}/`,
    ],
    {},
    (more) => {
      output += more;
    },
  );
  child.once("exit", () => reject(new Error(`Chromium ended early: ${output}`)));
  const timer = setTimeout(
    () => reject(new Error(`no result within ${deadlineMs} ms: ${output}`)),
    deadlineMs,
  );
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    // Not SIGKILL: it ends its own children, which have our pipes open.
    child.kill("SIGTERM");
    const late = setTimeout(() => child.kill("SIGKILL"), 5_000);
    await ended(child);
    clearTimeout(late);
    child.stdout?.destroy();
    child.stderr?.destroy();
    server.closeAllConnections();
    server.close();
    removeDirectory(directory);
  }
}

async function listenAnywhere(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen({ port: 0, host: "127.0.0.1" }, resolve));
  const address = server.address();
  return address !== null && typeof address === "object" ? address.port : 0;
}
