import { spawn } from "node:child_process";
import { cp, readdir, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { RefineError } from "@samrefine/core";
import { repositoryDirectory } from "../locations.ts";
import { describeBundle, measureBundle, requireSmallBundle } from "./bundle-size.ts";
import { precompressFolder } from "./compress.ts";

export const extensionDirectory: string = join(repositoryDirectory, "extensions", "ohif-extension");

/** Everything that ends up in the bundle. */
export const extensionSources: readonly string[] = [
  join(extensionDirectory, "src"),
  join(extensionDirectory, "vite.config.ts"),
  join(extensionDirectory, "packed-dictionary.ts"),
  join(extensionDirectory, "package.json"),
  join(repositoryDirectory, "extensions", "ohif-mode", "src"),
  ...["core", "dicom", "inference", "models"].map((name) => join(repositoryDirectory, "packages", name, "src")),
  join(repositoryDirectory, "package-lock.json"),
];

/**
 * Builds the extension's bundle with Vite and puts it at `target` (entry `index.js`), compressed copies beside it.
 * `models/` inside the target is left as it is.
 * @throws RefineError `viewer-assembly` with Vite's output, or when the bundle is larger than it may be
 */
export async function assembleExtension(
  target: string,
  keep: readonly string[],
  log: (message: string) => void,
): Promise<void> {
  await runVite();
  const bundle = join(extensionDirectory, "dist", "bundle");
  const size = await measureBundle(bundle);
  log(describeBundle(size));
  requireSmallBundle(size);
  for (const name of await readdir(target).catch(() => [])) {
    if (!keep.includes(name)) await rm(join(target, name), { recursive: true, force: true });
  }
  await cp(bundle, target, { recursive: true });
  await precompressFolder(target, { recursive: true });
}

async function runVite(): Promise<void> {
  const require = createRequire(join(extensionDirectory, "package.json"));
  const vite = join(dirname(require.resolve("vite/package.json")), "bin", "vite.js");
  const { status, output } = await new Promise<{ status: number; output: string }>((resolve, reject) => {
    const child = spawn(process.execPath, [vite, "build", "--logLevel", "warn"], {
      cwd: extensionDirectory,
      // A test runner sets NODE_ENV to "test", with which Vite would call React's development functions.
      env: { ...process.env, NODE_ENV: "production" },
    });
    let text = "";
    child.stdout.on("data", (chunk: Buffer) => {
      text += chunk.toString();
    });
    child.stderr.on("data", (chunk: Buffer) => {
      text += chunk.toString();
    });
    child.on("error", reject);
    child.on("close", (code) => resolve({ status: code ?? -1, output: text }));
  });
  if (status === 0) return;
  throw new RefineError("viewer-assembly", `The OHIF extension could not be built:\n${output.trim()}`, {
    hint: "Run `npm run build -w @samrefine/ohif-extension` to see the whole output.",
    details: { status },
  });
}
