// One side of bench/dicom.ts: encodes a label map as BINARY SEG into --file, or decodes that file again and compares, and
// prints the time and the memory as one line of JSON. A process of its own per measurement: freed memory of one would hide
// what the next one needs.
import { readFileSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { drawLabelmap, type LabelmapSize } from "./labelmap.ts";
import { peakMemoryOf } from "./peak-memory.ts";
import type { SegCodec } from "./seg-codec.ts";

const { values } = parseArgs({
  options: {
    side: { type: "string" },
    operation: { type: "string" },
    file: { type: "string" },
    adapters: { type: "string" },
    columns: { type: "string" },
    rows: { type: "string" },
    slices: { type: "string" },
    segments: { type: "string" },
  },
});

export interface Measurement {
  readonly ms: number;
  /** Rise of the resident memory, bytes. */
  readonly peak: number;
  /** Of the file. */
  readonly fileBytes: number;
}

async function openCodec(): Promise<SegCodec> {
  if (values.side === "ours") return (await import("./ours.ts")).ours;
  const { openAdapters } = await import("./adapters.ts");
  return await openAdapters(values.adapters ?? "");
}

async function timed<T>(action: () => T | Promise<T>): Promise<{ readonly result: T; readonly ms: number }> {
  const started = performance.now();
  const result = await action();
  return { result, ms: performance.now() - started };
}

async function encode(codec: SegCodec, size: LabelmapSize, target: string | undefined): Promise<Measurement> {
  const run = await codec.prepare(drawLabelmap(size), size);
  const { result, bytes } = await peakMemoryOf(() => timed(run));
  if (target !== undefined) writeFileSync(target, result.result);
  return { ms: result.ms, peak: bytes, fileBytes: result.result.byteLength };
}

async function decode(codec: SegCodec, size: LabelmapSize, file: Uint8Array<ArrayBuffer>): Promise<Measurement> {
  const { result, bytes } = await peakMemoryOf(() => timed(() => codec.decode(file, size)));
  const area = size.rows * size.columns;
  const wanted = drawLabelmap(size);
  for (let k = 0; k < size.slices; k++) {
    const isSame =
      Buffer.compare(wanted.subarray(k * area, (k + 1) * area), result.result[k] ?? new Uint8Array(0)) === 0;
    if (!isSame) throw new Error(`${values.side}: slice ${k} does not come back as it went in`);
  }
  return { ms: result.ms, peak: bytes, fileBytes: file.byteLength };
}

const codec = await openCodec();
const size = {
  columns: Number(values.columns),
  rows: Number(values.rows),
  slices: Number(values.slices),
  segments: Number(values.segments),
};
const file = values.file ?? "";
// Small first, so that both sides are measured with warm code.
const small = { columns: 64, rows: 64, slices: 12, segments: Math.min(5, size.segments) };
const warmUp = `${file}.warm-up`;
for (let n = 0; n < 3; n++) {
  await encode(codec, small, warmUp);
  await decode(codec, small, new Uint8Array(readFileSync(warmUp)));
}
const measured =
  values.operation === "encode"
    ? await encode(codec, size, file)
    : await decode(codec, size, new Uint8Array(readFileSync(file)));
process.stdout.write(`${JSON.stringify(measured)}\n`);
