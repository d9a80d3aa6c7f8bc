// Mutates real DICOM files and reads them: every one must give a result or a typed error, soon, without growing.
// Run: npm run fuzz:dicom -- [--runs 100000] [--seed 1]. Looks for files in SAMREFINE_DATA (default: ../shared/data).
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { isRefineError } from "@samrefine/core";
import { decodeSeg, readPart10, sourceInstanceOf } from "@samrefine/dicom";
import { dataFolder } from "./seg-matrix.ts";

/** Longest time that one file may take; the real ones take a few milliseconds. */
const LONGEST_MS = 5000;
/** Large images are cut behind their header: a mutation of pixels proves nothing. */
const LONGEST_FILE = 300_000;

const { values } = parseArgs({
  options: { runs: { type: "string", default: "100000" }, seed: { type: "string", default: "1" } },
});
const runs = Number(values.runs);
let state = Number(values.seed) >>> 0 || 1;

/** xorshift32: the same mutations for the same seed. */
function random(limit: number): number {
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  return (state >>> 0) % limit;
}

/** Every segmentation, and a few images per folder. */
function filesIn(folder: string): readonly string[] {
  const names = readdirSync(folder).filter((name) => !/\.(nrrd|gz)$/.test(name));
  const paths = names.map((name) => join(folder, name));
  const files = paths.filter((path) => statSync(path).isFile());
  const isSegmentation = (path: string): boolean => /seg|liver\.|overlaps|labelmap/.test(path.slice(folder.length));
  return [
    ...files.filter(isSegmentation),
    ...files.filter((path) => !isSegmentation(path)).slice(0, 3),
    ...paths.filter((path) => statSync(path).isDirectory()).flatMap(filesIn),
  ];
}

function mutate(whole: Uint8Array): Uint8Array {
  if (random(10) === 0) return whole.slice(0, random(whole.byteLength));
  const bytes = whole.slice();
  // Headers are where structure is; most mutations go there.
  const reach = random(3) === 0 ? bytes.byteLength : Math.min(bytes.byteLength, 6000);
  for (let n = 1 + random(4); n > 0; n--) {
    const at = random(reach);
    if (random(2) === 0) bytes[at] = (bytes[at] ?? 0) ^ (1 << random(8));
    else bytes[at] = [0, 1, 0x7f, 0x80, 0xff, 0xfe][random(6)] ?? 0;
  }
  return bytes;
}

function read(bytes: Uint8Array): "read" | "refused" {
  try {
    const { dataset } = readPart10(bytes);
    if (dataset.SegmentSequence === undefined) sourceInstanceOf(dataset);
    else {
      const seg = decodeSeg(bytes);
      for (const frame of seg.frames) seg.frame(frame.index);
    }
    return "read";
  } catch (error) {
    if (isRefineError(error, "unsupported-dicom")) return "refused";
    throw error;
  }
}

if (!existsSync(dataFolder)) {
  console.log(`Skipped: the real data is not there (${dataFolder}); set SAMREFINE_DATA.`);
} else {
  const corpus = filesIn(dataFolder).map((path) => ({
    path,
    bytes: new Uint8Array(readFileSync(path)).slice(0, LONGEST_FILE),
  }));
  const counts = { read: 0, refused: 0 };
  let slowest = 0;
  let failed = 0;
  for (let run = 0; run < runs && failed === 0; run++) {
    const { path, bytes } = corpus[random(corpus.length)] ?? { path: "", bytes: new Uint8Array(0) };
    const before = state;
    const start = performance.now();
    try {
      counts[read(mutate(bytes))]++;
    } catch (error) {
      failed++;
      console.error(`run ${run}, state ${before}, ${path}:`, error);
    }
    slowest = Math.max(slowest, performance.now() - start);
  }
  const memory = Math.round(process.memoryUsage().rss / 1e6);
  console.log(
    `${corpus.length} files, ${counts.read} read, ${counts.refused} refused, ${failed} failed; ` +
      `slowest ${slowest.toFixed(0)} ms, memory ${memory} MB`,
  );
  if (failed > 0 || slowest > LONGEST_MS) process.exitCode = 1;
}
