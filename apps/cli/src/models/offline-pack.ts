import { copyFile, mkdir, readFile, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { RefineError } from "@samrefine/core";
import { prepareDefaultSam, webRuntimeFiles } from "@samrefine/inference/node";
import type { ModelIndex } from "@samrefine/models";
import { digestOf } from "./download.ts";
import { loadManifest } from "./load-manifest.ts";

/** Written in the format of `sha256sum`, which checks it without this program. */
export const digestsName = "SHA256SUMS";

export interface PackOptions {
  /** Manifests of the models to take along. */
  readonly manifests: readonly string[];
  readonly withDefaultSam: boolean;
  readonly withWebgpu: boolean;
  readonly signal: AbortSignal;
}

/**
 * Puts everything that a site without a network needs into one folder: `models/` with an index, the files of ONNX Runtime in
 * `runtime/`, and the digests of all of it. Only verified files go in.
 *
 * @returns paths within the folder, with their digests.
 * @throws RefineError `model-manifest` `model-integrity` `configuration`.
 */
export async function writePack(folder: string, options: PackOptions): Promise<ReadonlyMap<string, string>> {
  const { signal } = options;
  const digests = new Map<string, string>();
  const index: string[] = [];
  for (const path of options.manifests) {
    signal.throwIfAborted();
    const manifest = await loadManifest(path);
    const target = join("models", manifest.id);
    if (index.includes(`${manifest.id}/manifest.json`)) {
      throw new RefineError("configuration", `Two of the models have the id ${manifest.id}.`, {
        hint: "Give each model an id of its own, or pack only one of them.",
      });
    }
    for (const file of manifest.files) {
      await copyChecked(join(dirname(path), file.url), folder, join(target, file.url), digests, file.sha256);
    }
    await copyChecked(path, folder, join(target, "manifest.json"), digests);
    index.push(`${manifest.id}/manifest.json`);
  }
  if (options.withDefaultSam) {
    const { manifest } = await prepareDefaultSam(join(folder, "models", "mobile-sam"));
    for (const name of [...manifest.files.map(({ url }) => url), "manifest.json"]) {
      const path = join("models", "mobile-sam", name);
      digests.set(path, (await digestOf(join(folder, path))) ?? "");
    }
    index.push("mobile-sam/manifest.json");
  }
  for (const provider of options.withWebgpu ? (["wasm", "webgpu"] as const) : (["wasm"] as const)) {
    for (const path of webRuntimeFiles(provider))
      await copyChecked(path, folder, join("runtime", basename(path)), digests);
  }
  const indexPath = join("models", "index.json");
  const content: ModelIndex = { schema: "samrefine-index/1", manifests: index };
  await writeFile(join(folder, indexPath), `${JSON.stringify(content, null, 2)}\n`);
  digests.set(indexPath, (await digestOf(join(folder, indexPath))) ?? "");
  await writeFile(
    join(folder, digestsName),
    [...digests].map(([path, digest]) => `${digest}  ${path.replaceAll("\\", "/")}\n`).join(""),
  );
  return digests;
}

/**
 * Compares the files of a pack with its digests.
 * @returns what is wrong, by path; empty when all holds. undefined when the folder is no pack.
 */
export async function verifyPack(folder: string): Promise<ReadonlyMap<string, string> | undefined> {
  const text = await readFile(join(folder, digestsName), "utf8").catch(() => undefined);
  if (text === undefined) return undefined;
  const wrong = new Map<string, string>();
  for (const line of text.split("\n").filter((one) => one !== "")) {
    const [digest = "", path = ""] = line.split(/ {2}(.*)/);
    const found = await digestOf(join(folder, path));
    if (found !== digest) wrong.set(path, found === undefined ? "missing" : `SHA-256 ${found}, expected ${digest}`);
  }
  return wrong;
}

async function copyChecked(
  from: string,
  folder: string,
  to: string,
  digests: Map<string, string>,
  expected?: string,
): Promise<void> {
  const target = join(folder, to);
  await mkdir(dirname(target), { recursive: true });
  await copyFile(from, target).catch((cause: unknown) => {
    throw new RefineError("model-integrity", `${from} cannot be copied to ${target}: ${(cause as Error).message}`, {
      hint: "Run `samrefine models verify`, and choose a folder that can be written to and has space left.",
      cause,
    });
  });
  const digest = (await digestOf(target)) ?? "";
  if (expected !== undefined && digest !== expected) {
    throw new RefineError("model-integrity", `${from} is not the file that its manifest names.`, {
      hint: "Fetch the model again.",
      details: { foundSha256: digest, expectedSha256: expected },
    });
  }
  digests.set(to, digest);
}
