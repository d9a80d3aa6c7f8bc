import { readdir, readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { RefineError } from "@samrefine/core";

const gzipAsync = promisify(gzip);

/** ONNX Runtime's own JavaScript comes with its WebAssembly. */
const runtimeFile = /^ort[.-]/;
/**
 * Where code begins that is loaded when it is asked for: the ONNX editor, for a SAM decoder that was not cut before; the page's
 * talk with the archive; zip archives; and what few users open in the panel.
 */
const onDemandFile =
  /^(onnx|archive-client|same-segmentation|browser|training-set|segment-editor|brought-model|waiting-segs|other-segmentations)-/;
/** Imported by name; nothing else leads to it. */
const entryFile = "index.js";

/** Kilobytes of 1000 bytes, gzip -9. */
export const mostBundleKilobytes = 250;

export interface BundleSize {
  /** Page, workers, DICOM dictionary. */
  readonly ownKilobytes: number;
  /** What nothing but on-demand code leads to. */
  readonly onDemandKilobytes: number;
  readonly runtimeKilobytes: number;
}

/** Compressed size of the JavaScript in a folder, without WebAssembly. */
export async function measureBundle(directory: string): Promise<BundleSize> {
  const bytes = { own: 0, onDemand: 0, runtime: 0 };
  const files = new Map<string, Buffer>();
  for (const name of await readdir(directory, { recursive: true })) {
    if (/\.m?js$/.test(name)) files.set(basename(name), await readFile(join(directory, name)));
  }
  const isOnDemand = (file: string) => onDemandFile.test(file);
  const own = reachedFrom([entryFile], files, isOnDemand);
  const asked = reachedFrom([...files.keys()].filter(isOnDemand), files, (file) => own.has(file));
  for (const [file, code] of files) {
    const kind = runtimeFile.test(file) ? "runtime" : asked.has(file) ? "onDemand" : "own";
    bytes[kind] += (await gzipAsync(code, { level: 9 })).length;
  }
  return {
    ownKilobytes: bytes.own / 1000,
    onDemandKilobytes: bytes.onDemand / 1000,
    runtimeKilobytes: bytes.runtime / 1000,
  };
}

/** Files that some files lead to, themselves included. A file leads to those whose names, digests and all, stand in it. */
function reachedFrom(
  from: readonly string[],
  files: ReadonlyMap<string, Buffer>,
  isBarred: (file: string) => boolean,
): ReadonlySet<string> {
  const reached = new Set(from);
  for (const file of reached) {
    for (const other of files.keys()) {
      if (!isBarred(other) && files.get(file)?.includes(other)) reached.add(other);
    }
  }
  return reached;
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
