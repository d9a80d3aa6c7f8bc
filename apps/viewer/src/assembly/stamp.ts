import { createHash, type Hash } from "node:crypto";
import { mkdir, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join, relative } from "node:path";

/** What a build stage is made from. Any change in it makes the stage run again. */
export interface StageInputs {
  /** Files and folders whose content counts (sources). */
  readonly contents?: readonly string[];
  /** Files and folders of which only names, sizes and times count (large binaries). */
  readonly listings?: readonly string[];
  /** Versions and settings. */
  readonly values?: readonly string[];
}

export interface BuildStage {
  readonly name: string;
  readonly inputs: StageInputs;
  /** Paths that must be there for the stage to count as done. */
  readonly outputs: readonly string[];
  run(): Promise<void>;
}

const ignoredNames = new Set(["node_modules", "dist", ".turbo", ".cache"]);

/**
 * Runs a stage unless its stamp says that its outputs were made from the very same inputs.
 * @returns true when it ran
 */
export async function runStage(stage: BuildStage, stampDirectory: string): Promise<boolean> {
  const stampFile = join(stampDirectory, `${stage.name}.sha256`);
  const digest = await digestInputs(stage.inputs);
  const previous = await readFile(stampFile, "utf8").catch(() => "");
  const outputsThere = (await Promise.all(stage.outputs.map(isThere))).every(Boolean);
  if (previous === digest && outputsThere) return false;
  // Removed first: a stage that fails half-way must run again.
  await rm(stampFile, { force: true });
  await stage.run();
  await mkdir(stampDirectory, { recursive: true });
  await writeFile(stampFile, digest);
  return true;
}

/** SHA-256 over names and contents (or sizes and times), in a fixed order; missing paths count as such. */
export async function digestInputs(inputs: StageInputs): Promise<string> {
  const hash = createHash("sha256");
  for (const value of inputs.values ?? []) hash.update(`value ${value}\n`);
  for (const path of inputs.contents ?? []) await digestPath(hash, path, path, "content");
  for (const path of inputs.listings ?? []) await digestPath(hash, path, path, "listing");
  return hash.digest("hex");
}

async function digestPath(hash: Hash, root: string, path: string, by: "content" | "listing"): Promise<void> {
  const info = await stat(path).catch(() => undefined);
  const name = relative(root, path).replaceAll("\\", "/");
  if (info === undefined) {
    hash.update(`missing ${name}\n`);
  } else if (info.isDirectory()) {
    for (const child of (await readdir(path)).sort()) {
      if (!ignoredNames.has(child) && !child.includes(".test.")) await digestPath(hash, root, join(path, child), by);
    }
  } else if (by === "content") {
    hash.update(`file ${name}\n`).update(await readFile(path));
  } else {
    hash.update(`file ${name} ${info.size} ${Math.trunc(info.mtimeMs)}\n`);
  }
}

async function isThere(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined;
}
