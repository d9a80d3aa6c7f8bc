import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { repositoryDirectory } from "./artifacts.ts";

export interface ViewerOptions {
  /** DICOM files to serve; without it, and without `dicomweb`, the demo studies. */
  readonly folder?: string;
  /** Root of a PACS to forward to. */
  readonly dicomweb?: string;
  /** Where stored instances go; a fresh folder that is deleted at the end when not given. */
  readonly store?: string;
}

export interface RunningViewer {
  /** Origin, without a slash at its end. */
  readonly url: string;
  readonly store: string;
  /** What the server printed. */
  output(): string;
  /** Ends the server as Ctrl+C does. @returns its exit status */
  stop(): Promise<number | null>;
}

const startTimeoutMs = 180_000;

/** Starts the viewer as a user does, by its command, on a free port; builds what is missing first. */
export async function startViewer(options: ViewerOptions = {}): Promise<RunningViewer> {
  const ownStore = options.store === undefined;
  const store = options.store ?? (await mkdtemp(join(tmpdir(), "samrefine-store-")));
  const args = ["--conditions=@samrefine/source", join(repositoryDirectory, "apps", "viewer", "src", "main.ts")];
  args.push("--port", "0", "--no-open");
  if (process.env.SAMREFINE_E2E_ALLOW_STOCK === "1") args.push("--allow-stock");
  if (options.dicomweb === undefined) args.push("--store", store);
  else args.push("--dicomweb", options.dicomweb);
  if (options.folder !== undefined) args.push("--folder", options.folder);
  const child = spawn(process.execPath, args, { cwd: repositoryDirectory, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk: Buffer) => {
      output += chunk.toString();
    });
  }
  const stop = async (): Promise<number | null> => {
    const status = await endProcess(child);
    if (ownStore) await rm(store, { recursive: true, force: true });
    return status;
  };
  try {
    const url = await waitForAddress(child, () => output);
    return { url, store, output: () => output, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function waitForAddress(child: ChildProcess, output: () => string): Promise<string> {
  const deadline = Date.now() + startTimeoutMs;
  while (Date.now() < deadline) {
    const url = /ready at (http:\S+)/.exec(output())?.[1];
    if (url !== undefined) return url;
    if (child.exitCode !== null) throw new Error(`The viewer ended with status ${child.exitCode}:\n${output()}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`The viewer did not start within ${startTimeoutMs / 1000} s:\n${output()}`);
}

async function endProcess(child: ChildProcess): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
  const ended = new Promise<number | null>((resolve) => {
    child.once("exit", (status) => resolve(status));
  });
  child.kill("SIGINT");
  const timer = setTimeout(() => child.kill("SIGKILL"), 10_000);
  const status = await ended;
  clearTimeout(timer);
  return status;
}
