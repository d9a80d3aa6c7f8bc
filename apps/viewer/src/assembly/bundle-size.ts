import { readdir, readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { RefineError } from "@samrefine/core";

const gzipAsync = promisify(gzip);

/** ONNX Runtime's own JavaScript comes with its WebAssembly. */
const runtimeFile = /^ort[.-]/;
/** The ONNX editor, for a SAM decoder that was not cut before, and what few users ask the panel for. */
const onDemandFile = /^(onnx|training-set|segment-editor|brought-model|waiting-segs|other-segmentations)-/;

/** Kilobytes of 1000 bytes, gzip -9. */
export const mostBundleKilobytes = 250;

export interface BundleSize {
  /** Loaded by everybody: page, workers, DICOM dictionary. */
  readonly ownKilobytes: number;
  readonly onDemandKilobytes: number;
  readonly runtimeKilobytes: number;
}

/** Compressed size of the JavaScript in a folder, without WebAssembly. */
export async function measureBundle(directory: string): Promise<BundleSize> {
  const bytes = { own: 0, onDemand: 0, runtime: 0 };
  for (const name of await readdir(directory, { recursive: true })) {
    if (!/\.m?js$/.test(name)) continue;
    const file = basename(name);
    const kind = runtimeFile.test(file) ? "runtime" : onDemandFile.test(file) ? "onDemand" : "own";
    bytes[kind] += (await gzipAsync(await readFile(join(directory, name)), { level: 9 })).length;
  }
  return {
    ownKilobytes: bytes.own / 1000,
    onDemandKilobytes: bytes.onDemand / 1000,
    runtimeKilobytes: bytes.runtime / 1000,
  };
}

/** @throws RefineError `viewer-assembly` when the extension's own JavaScript is too large. */
export function requireSmallBundle(size: BundleSize): void {
  if (size.ownKilobytes <= mostBundleKilobytes) return;
  throw new RefineError(
    "viewer-assembly",
    `The extension's own JavaScript is ${size.ownKilobytes.toFixed(1)} kB gzip; ${mostBundleKilobytes} kB are allowed.`,
    {
      hint: "Look for what page and workers both carry, or load on demand what few need.",
      details: { kilobytes: size.ownKilobytes },
    },
  );
}

export function describeBundle({ ownKilobytes, onDemandKilobytes, runtimeKilobytes }: BundleSize): string {
  return `extension: ${ownKilobytes.toFixed(1)} kB of its own JavaScript (gzip, at most ${mostBundleKilobytes}), ${onDemandKilobytes.toFixed(1)} kB on demand, ${runtimeKilobytes.toFixed(1)} kB of ONNX Runtime's`;
}
