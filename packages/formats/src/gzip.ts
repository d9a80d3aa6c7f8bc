import { RefineError } from "@samrefine/core";
import { Gunzip, gzipSync } from "fflate";

export function isGzip(bytes: Uint8Array): boolean {
  return bytes.length > 2 && bytes[0] === 0x1f && bytes[1] === 0x8b;
}

/**
 * Inflates a gzip file of one or more members. The output grows with what is really there; the size that the trailer
 * claims is not believed.
 * @throws RefineError `invalid-format` when the stream is damaged or cut short.
 */
export function inflateGzip(bytes: Uint8Array): Uint8Array {
  const chunks: Uint8Array[] = [];
  try {
    new Gunzip((chunk) => chunks.push(chunk)).push(bytes, true);
  } catch (cause) {
    throw new RefineError("invalid-format", "The gzip stream cannot be inflated: it is damaged or cut short.", {
      hint: "Copy the file again from its source.",
      cause,
    });
  }
  if (chunks.length === 1) return chunks[0]!;
  const whole = new Uint8Array(chunks.reduce((total, chunk) => total + chunk.length, 0));
  let offset = 0;
  for (const chunk of chunks) {
    whole.set(chunk, offset);
    offset += chunk.length;
  }
  return whole;
}

/** Deterministic: no time stamp, so that equal content gives equal bytes. */
export function deflateGzip(bytes: Uint8Array): Uint8Array {
  return gzipSync(bytes, { level: 6, mtime: 0 });
}
