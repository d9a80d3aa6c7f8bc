// Mutates DICOM, NIfTI and NRRD files and reads them, compressed pixels included: every one must give a result or a typed error,
// soon, without growing. Run: npm run fuzz:dicom -- [--runs 100000] [--seed 1]. Takes the small files of test/golden and, where
// they are, the real files of SAMREFINE_DATA (default: ../shared/data).
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { isRefineError } from "@samrefine/core";
import { decodeSeg, framesOf, readPart10, rgbFromPalette, sourceInstanceOf } from "@samrefine/dicom";
import { readFrame } from "@samrefine/dicom/node";
import { readNifti, readNrrd, readSegNrrd } from "@samrefine/formats";
import { dataFolder } from "./seg-matrix.ts";

/** Longest processor time that one file may take (others may keep the machine busy); the real ones take milliseconds. */
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

/** Every segmentation and every golden image, and a few real images per folder. */
function filesIn(folder: string): readonly string[] {
  const names = readdirSync(folder).filter((name) => !name.endsWith(".json"));
  const paths = names.map((name) => join(folder, name));
  const files = paths.filter((path) => statSync(path).isFile());
  const isSegmentation = (path: string): boolean => /seg|liver\.|overlaps|labelmap/.test(path.slice(folder.length));
  return [
    ...files.filter(isSegmentation),
    ...files.filter((path) => !isSegmentation(path)).slice(0, folder.startsWith(dataFolder) ? 3 : undefined),
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

async function readDicom(bytes: Uint8Array): Promise<void> {
  const file = readPart10(bytes);
  const { dataset } = file;
  if (dataset.SegmentSequence === undefined) {
    const frames = framesOf(sourceInstanceOf(dataset));
    if (bytes.byteLength >= LONGEST_FILE) return;
    const { data, photometricInterpretation } = await readFrame(file, frames[0]?.frameNumber);
    if (photometricInterpretation === "PALETTE COLOR") rgbFromPalette(dataset, data);
  } else {
    const seg = decodeSeg(bytes);
    for (const frame of seg.frames) seg.frame(frame.index);
  }
}

async function read(path: string, bytes: Uint8Array): Promise<"read" | "refused"> {
  try {
    if (/\.nii(\.gz)?$/.test(path)) readNifti(bytes);
    else if (path.endsWith(".seg.nrrd")) readSegNrrd(bytes);
    else if (path.endsWith(".nrrd")) readNrrd(bytes);
    else await readDicom(bytes);
    return "read";
  } catch (error) {
    if (isRefineError(error, "unsupported-dicom") || isRefineError(error, "invalid-format")) return "refused";
    throw error;
  }
}

if (!existsSync(dataFolder)) console.log(`The real data is not there (${dataFolder}); set SAMREFINE_DATA.`);
const goldens = ["pixels", "formats"].map((name) => fileURLToPath(new URL(`../golden/${name}`, import.meta.url)));
const folders = [...goldens, dataFolder].filter(existsSync);
const corpus = folders.flatMap(filesIn).map((path) => ({
  path,
  bytes: new Uint8Array(readFileSync(path)).slice(0, LONGEST_FILE),
}));
const counts = { read: 0, refused: 0 };
let slowest = { ms: 0, what: "" };
let failed = 0;
for (let run = 0; run < runs && failed === 0; run++) {
  const { path, bytes } = corpus[random(corpus.length)] ?? { path: "", bytes: new Uint8Array(0) };
  const before = state;
  const start = process.cpuUsage();
  try {
    counts[await read(path, mutate(bytes))]++;
  } catch (error) {
    failed++;
    console.error(`run ${run}, state ${before}, ${path}:`, error);
  }
  const { user, system } = process.cpuUsage(start);
  const ms = (user + system) / 1000;
  if (ms > slowest.ms) slowest = { ms, what: `run ${run}, ${path}` };
  if ((run + 1) % 10_000 === 0) console.log(`${run + 1} of ${runs}`);
}
const memory = Math.round(process.memoryUsage().rss / 1e6);
console.log(
  `${corpus.length} files, ${counts.read} read, ${counts.refused} refused, ${failed} failed; ` +
    `slowest ${slowest.ms.toFixed(0)} ms of processor time (${slowest.what}), memory ${memory} MB`,
);
if (failed > 0 || slowest.ms > LONGEST_MS) process.exitCode = 1;
