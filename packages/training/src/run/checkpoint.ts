import { RefineError } from "@samrefine/core";
import type { TrainingConfiguration } from "./configuration.ts";
import type { TrainingHistory } from "./history.ts";

/** Where a run keeps its files: a folder in Node, OPFS in the browser. */
export interface RunStore {
  /** Replaces the file as a whole: a crash in between leaves the old one. */
  write(name: string, bytes: Uint8Array): Promise<void>;
  /** undefined when there is no such file. */
  read(name: string): Promise<Uint8Array | undefined>;
}

/** Everything a run needs to go on as if it had never stopped. Random numbers follow from the seed and the step alone. */
export interface Checkpoint {
  readonly configuration: TrainingConfiguration;
  /** Architecture of the network(s), `Network.id`. */
  readonly networkId: string;
  /** Steps done. */
  readonly step: number;
  readonly history: TrainingHistory;
  /** Flat vectors by name: parameters, moments, average, and `best` when there was a validation. */
  readonly vectors: Readonly<Record<string, Float32Array>>;
}

const MAGIC = "samrefine-checkpoint/1\n";

interface Header extends Omit<Checkpoint, "vectors"> {
  readonly vectors: readonly { readonly name: string; readonly length: number }[];
}

/** Magic line, length of the header (uint32, little-endian), header as JSON, padding to 4 bytes, the vectors end to end. */
export function encodeCheckpoint(checkpoint: Checkpoint): Uint8Array<ArrayBuffer> {
  const { vectors, ...rest } = checkpoint;
  const entries = Object.entries(vectors);
  const header: Header = { ...rest, vectors: entries.map(([name, { length }]) => ({ name, length })) };
  const magic = new TextEncoder().encode(MAGIC);
  const json = new TextEncoder().encode(JSON.stringify(header));
  const start = alignToFour(magic.length + 4 + json.length);
  const result = new Uint8Array(start + entries.reduce((sum, [, { byteLength }]) => sum + byteLength, 0));
  result.set(magic);
  new DataView(result.buffer).setUint32(magic.length, json.length, true);
  result.set(json, magic.length + 4);
  let offset = start;
  for (const [, vector] of entries) {
    result.set(new Uint8Array(vector.buffer, vector.byteOffset, vector.byteLength), offset);
    offset += vector.byteLength;
  }
  return result;
}

/** @throws RefineError `training` when the bytes are not a whole checkpoint of this version. */
export function decodeCheckpoint(bytes: Uint8Array): Checkpoint {
  const magic = new TextEncoder().encode(MAGIC);
  if (bytes.length < magic.length + 4 || magic.some((byte, index) => bytes[index] !== byte)) throw damaged();
  const jsonLength = new DataView(bytes.buffer, bytes.byteOffset).getUint32(magic.length, true);
  const jsonEnd = magic.length + 4 + jsonLength;
  if (jsonEnd > bytes.length) throw damaged();
  const { vectors, ...rest } = JSON.parse(
    new TextDecoder().decode(bytes.subarray(magic.length + 4, jsonEnd)),
  ) as Header;
  let offset = alignToFour(jsonEnd);
  const decoded: Record<string, Float32Array> = {};
  for (const { name, length } of vectors) {
    if (offset + length * 4 > bytes.length) throw damaged();
    // Copied by the constructor: the slice of a Node Buffer would be a view of the whole file.
    decoded[name] = new Float32Array(new Uint8Array(bytes.subarray(offset, offset + length * 4)).buffer);
    offset += length * 4;
  }
  return { ...rest, vectors: decoded };
}

/**
 * @throws RefineError `training` when the checkpoint belongs to another network or another configuration, naming the first
 * field that differs.
 */
export function requireSameRun(checkpoint: Checkpoint, networkId: string, configuration: TrainingConfiguration): void {
  if (checkpoint.networkId !== networkId) {
    throw new RefineError(
      "training",
      `The checkpoint is of another network: ${checkpoint.networkId}; this run has ${networkId}.`,
      { hint: "Resume with the options of the first run, or start anew in another folder." },
    );
  }
  const before = checkpoint.configuration as Readonly<Record<string, unknown>>;
  for (const [key, value] of Object.entries(configuration)) {
    if (JSON.stringify(before[key]) === JSON.stringify(value)) continue;
    throw new RefineError(
      "training",
      `The checkpoint was made with ${key} = ${JSON.stringify(before[key])}; this run has ${JSON.stringify(value)}.`,
      { hint: "Resume with the options of the first run, or start anew in another folder.", details: { key } },
    );
  }
}

function alignToFour(length: number): number {
  return (length + 3) & ~3;
}

function damaged(): RefineError {
  return new RefineError("training", "The checkpoint is damaged or was written by another version.", {
    hint: "Start the run anew in another folder.",
  });
}
