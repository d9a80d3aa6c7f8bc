import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { access, mkdir, mkdtemp, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { isRefineError, RefineError } from "@samrefine/core";
import * as tar from "tar";

export const ohifVersion = "3.13.2";
const ohifIntegrity = "sha512-WZdxmpmG7rqFgW9ZJLcbgr3XCtLi1KDNPoMaeY5PPe6j4G4fjEjjkycZM6C6Zk2F87BKxFfpq+jd5xXZB9E8EA==";

/** OHIF's own ONNX Runtime of another version and the microscopy viewer: 156 of 204 MB that our viewer never loads. */
const leftOut = /^package\/dist\/(ort|dicom-microscopy-viewer)(\/|$)/;

export interface FetchOhifOptions {
  /** Folder that keeps the unpacked package between builds. */
  readonly cacheDirectory: string;
  readonly signal?: AbortSignal | undefined;
  readonly log?: (message: string) => void;
}

/**
 * The published OHIF application, fetched once with npm and checked against a pinned digest.
 *
 * It is not an npm dependency because its own dependency list names versions that the registry does not hold; the
 * published build needs none of them.
 *
 * @returns the folder of the unpacked package: `dist/` and `LICENSE`
 * @throws RefineError `viewer-assembly` when the registry cannot be reached or the package is not the pinned one
 */
export async function fetchOhif(options: FetchOhifOptions): Promise<string> {
  options.signal?.throwIfAborted();
  const target = join(options.cacheDirectory, `ohif-app-${ohifVersion}`);
  if (await exists(join(target, "dist", "index.html"))) return target;

  await mkdir(options.cacheDirectory, { recursive: true });
  const scratch = await mkdtemp(join(options.cacheDirectory, "fetch-"));
  try {
    options.log?.(`Fetching OHIF ${ohifVersion} from the npm registry (50 MB, once)`);
    const archive = await packFromRegistry(scratch, options.signal);
    await checkIntegrity(archive);
    const unpacked = join(scratch, "package");
    await tar.x({ file: archive, cwd: scratch, filter: (path) => !leftOut.test(path) });
    // Whole or not at all: a build that is interrupted here must not leave half a viewer behind.
    await rename(unpacked, target).catch(async (cause: unknown) => {
      if (!(await exists(join(target, "dist", "index.html")))) throw cause;
    });
    return target;
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

async function packFromRegistry(directory: string, signal: AbortSignal | undefined): Promise<string> {
  const result = await runNpm(["pack", `@ohif/app@${ohifVersion}`, "--pack-destination", directory], directory, signal);
  const archive = (await readdir(directory)).find((name) => name.endsWith(".tgz"));
  if (result.status === 0 && archive !== undefined) return join(directory, archive);
  const reason = /npm (?:error|ERR!) code (\S+)/.exec(result.output)?.[1] ?? `exit status ${result.status}`;
  throw new RefineError("viewer-assembly", `npm could not fetch @ohif/app@${ohifVersion}: ${reason}.`, {
    hint: "The first start needs an npm registry. Check the network, the proxy and `npm config get registry`, then run the command again; afterwards no network is needed.",
    details: { package: `@ohif/app@${ohifVersion}`, reason },
  });
}

interface CommandResult {
  readonly status: number;
  readonly output: string;
}

function runNpm(args: readonly string[], cwd: string, signal: AbortSignal | undefined): Promise<CommandResult> {
  // Inside `npm start` npm tells where it lies; running its script by Node works on Windows too, without a shell.
  const script = process.env.npm_execpath;
  const runsByNode = script !== undefined && /\.c?js$/.test(script);
  const command = runsByNode ? (process.env.npm_node_execpath ?? process.execPath) : "npm";
  const commandArguments = runsByNode ? [script, ...args] : [...args];
  // A nested npm would otherwise take the outer command's workspace selection for its own.
  const env = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^npm_config_(workspace|include_workspace_root)/i.test(name)),
  );
  return new Promise((resolve, reject) => {
    const child = spawn(command, commandArguments, {
      cwd,
      env,
      signal,
      shell: !runsByNode && process.platform === "win32",
      stdio: ["ignore", "pipe", "pipe"],
    });
    let output = "";
    const collect = (chunk: Buffer): void => {
      output += chunk.toString();
    };
    child.stdout.on("data", collect);
    child.stderr.on("data", collect);
    child.on("error", (cause) => {
      reject(
        signal?.aborted || isRefineError(cause)
          ? cause
          : new RefineError("viewer-assembly", "npm could not be started.", {
              hint: "npm must be on the PATH, or start the viewer with `npm start`.",
              cause,
            }),
      );
    });
    child.on("close", (status) => resolve({ status: status ?? -1, output }));
  });
}

async function checkIntegrity(archive: string): Promise<void> {
  const hash = createHash("sha512");
  await pipeline(createReadStream(archive), hash);
  const found = `sha512-${hash.digest("base64")}`;
  if (found === ohifIntegrity) return;
  throw new RefineError("viewer-assembly", `The package @ohif/app@${ohifVersion} is not the pinned one: ${found}.`, {
    hint: `Expected ${ohifIntegrity}. The registry or a proxy returned another file; do not use it.`,
    details: { found, expected: ohifIntegrity },
  });
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
