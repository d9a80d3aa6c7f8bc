import { isRefineError } from "@samrefine/core";
import { InvalidArgumentError } from "commander";
import open from "open";
import { startViewerServer, type ViewerServerOptions } from "./server.ts";

/** Prints one line for the user. */
export function log(message: string): void {
  process.stdout.write(`${message}\n`);
}

/** Argument parser of `--port`. */
export function parsePort(text: string): number {
  const port = Number(text);
  if (!Number.isInteger(port) || port < 0 || port > 65535) throw new InvalidArgumentError("A port is 0 to 65535.");
  return port;
}

/** Serves until the signal aborts; opens the browser first when asked to. */
export async function serveUntilStopped(
  options: Omit<ViewerServerOptions, "onError">,
  openBrowser: boolean,
  stop: AbortSignal,
): Promise<void> {
  const server = await startViewerServer({
    ...options,
    onError: (message) => process.stderr.write(`${message}\n`),
  });
  log(`SAM Refine (research use only) is ready at ${server.url}`);
  // On a machine without a desktop there is nothing to open, and the address above is all that is needed.
  if (openBrowser) await open(server.url).catch(() => undefined);
  await new Promise<void>((done) => {
    if (stop.aborted) done();
    stop.addEventListener("abort", () => done());
  });
  await server.close();
}

/**
 * Runs a command until it ends or the user stops it. Errors of ours are told in two lines and set the exit status:
 * 2 for bad usage, 1 for a failure; others are defects and show their stack.
 */
export async function runCommand(command: (stop: AbortSignal) => Promise<void>): Promise<void> {
  const stop = new AbortController();
  for (const name of ["SIGINT", "SIGTERM"] as const) process.once(name, () => stop.abort());
  try {
    await command(stop.signal);
  } catch (error) {
    if (stop.signal.aborted) {
      process.exitCode = 130;
    } else if (isRefineError(error)) {
      process.stderr.write(`${error.message}\n${error.hint}\n`);
      process.exitCode = error.code === "configuration" ? 2 : 1;
    } else {
      throw error;
    }
  }
}
