import { type ChildProcess, spawn } from "node:child_process";
import { access, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { RefineError } from "@samrefine/core";

const programs = [
  "/usr/sbin/Orthanc",
  "/usr/local/sbin/Orthanc",
  "/usr/local/bin/Orthanc",
  "/opt/homebrew/bin/Orthanc",
];
const plugins = [
  "/usr/share/orthanc/plugins/libOrthancDicomWeb.so",
  "/usr/local/share/orthanc/plugins/libOrthancDicomWeb.so",
];

const startTimeoutMs = 30_000;

/** Where Orthanc and its DICOMweb plug-in lie; undefined when one of them is not installed. */
export async function findOrthanc(): Promise<{ readonly program: string; readonly plugin: string } | undefined> {
  const program = await firstThere(process.env.ORTHANC ? [process.env.ORTHANC, ...programs] : programs);
  const plugin = await firstThere(process.env.ORTHANC_DICOMWEB ? [process.env.ORTHANC_DICOMWEB, ...plugins] : plugins);
  return program === undefined || plugin === undefined ? undefined : { program, plugin };
}

async function firstThere(paths: readonly string[]): Promise<string | undefined> {
  for (const path of paths) {
    const there = await access(path).then(
      () => true,
      () => false,
    );
    if (there) return path;
  }
  return undefined;
}

export interface Orthanc {
  /** DICOMweb root, for `--dicomweb`. */
  readonly dicomwebUrl: string;
  /** Stores every DICOM file of a folder. @returns how many Orthanc took */
  upload(folder: string): Promise<number>;
  /** Stops Orthanc and deletes what it stored. Idempotent. */
  stop(): Promise<void>;
}

/**
 * Starts a real PACS on free ports with an empty storage of its own.
 * @throws RefineError `configuration` when Orthanc is not installed or does not come up
 */
export async function startOrthanc(signal?: AbortSignal): Promise<Orthanc> {
  signal?.throwIfAborted();
  const found = await findOrthanc();
  if (found === undefined) {
    throw new RefineError("configuration", "Orthanc or its DICOMweb plug-in is not installed.", {
      hint: "On Debian: apt-get install orthanc orthanc-dicomweb. Elsewhere set ORTHANC and ORTHANC_DICOMWEB to the program and the plug-in.",
    });
  }
  const storage = await mkdtemp(join(tmpdir(), "samrefine-orthanc-"));
  const port = await freePort();
  await writeFile(join(storage, "orthanc.json"), JSON.stringify(configuration(storage, port, found.plugin)));
  const child = spawn(found.program, [join(storage, "orthanc.json")], { stdio: ["ignore", "ignore", "pipe"] });
  let lastLines = "";
  child.stderr.on("data", (chunk: Buffer) => {
    lastLines = (lastLines + chunk.toString()).slice(-2000);
  });
  const base = `http://127.0.0.1:${port}`;
  const stop = async (): Promise<void> => {
    await endProcess(child);
    await rm(storage, { recursive: true, force: true });
  };
  try {
    await waitUntilUp(`${base}/system`, child, signal);
  } catch (cause) {
    await stop();
    signal?.throwIfAborted();
    throw new RefineError("configuration", `Orthanc did not start:\n${lastLines.trim()}`, { cause });
  }
  return { dicomwebUrl: `${base}/dicom-web`, upload: (folder) => uploadFolder(base, folder), stop };
}

function configuration(storage: string, port: number, plugin: string): unknown {
  return {
    Name: "SAM Refine demo",
    StorageDirectory: join(storage, "files"),
    IndexDirectory: join(storage, "index"),
    HttpPort: port,
    RemoteAccessAllowed: false,
    AuthenticationEnabled: false,
    DicomServerEnabled: false,
    Plugins: [plugin],
    DicomWeb: { Enable: true, Root: "/dicom-web/", StudiesMetadata: "Full", SeriesMetadata: "Full" },
  };
}

async function waitUntilUp(url: string, child: ChildProcess, signal: AbortSignal | undefined): Promise<void> {
  const deadline = Date.now() + startTimeoutMs;
  while (Date.now() < deadline) {
    if (child.exitCode !== null) throw new Error(`Orthanc ended with status ${child.exitCode}.`);
    const up = await fetch(url).then(
      (response) => response.ok,
      () => false,
    );
    if (up) return;
    await delay(200, undefined, { ...(signal === undefined ? {} : { signal }) });
  }
  throw new Error(`Orthanc did not answer within ${startTimeoutMs / 1000} s.`);
}

async function uploadFolder(base: string, folder: string): Promise<number> {
  let taken = 0;
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const body = await readFile(join(entry.parentPath, entry.name));
    if (body.toString("latin1", 128, 132) !== "DICM") continue;
    const response = await fetch(`${base}/instances`, { method: "POST", body });
    await response.arrayBuffer();
    if (response.ok) taken += 1;
  }
  return taken;
}

async function endProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise<void>((resolve) => {
    child.once("exit", () => resolve());
  });
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), 5000);
  await ended;
  clearTimeout(timer);
}

/** A port that was free a moment ago. */
async function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const address = probe.address();
      probe.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0));
    });
  });
}
