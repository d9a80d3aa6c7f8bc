import { RefineError } from "@samrefine/core";

function uidOfBytes(bytes: Uint8Array): string {
  let value = 0n;
  for (const byte of bytes) value = (value << 8n) | BigInt(byte);
  return `2.25.${value}`;
}

function asUuid(bytes: Uint8Array, version: number): Uint8Array {
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | (version << 4);
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  return bytes;
}

/** A new UID in the form `2.25.<random UUID as a decimal>` (PS3.5 B.2), at most 44 characters. */
export function newUid(): string {
  return uidOfBytes(asUuid(crypto.getRandomValues(new Uint8Array(16)), 4));
}

/**
 * The same UID for the same seed and parts, in the form `2.25.<UUID>` (version 8). For phantoms and tests, whose objects
 * must not change from run to run; not a cryptographic hash.
 */
export function uidFromSeed(seed: number | string, ...parts: readonly (number | string)[]): string {
  const text = [seed, ...parts].map((part) => `${typeof part}:${part}`).join("\u0000");
  const bytes = new Uint8Array(16);
  for (let lane = 0; lane < 4; lane++) {
    // FNV-1a with another offset basis per lane, then MurmurHash3's finaliser so that similar parts spread over all bits.
    let hash = (0x811c9dc5 ^ Math.imul(lane + 1, 0x9e3779b1)) >>> 0;
    for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
    hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
    hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
    hash ^= hash >>> 16;
    for (let byte = 0; byte < 4; byte++) bytes[lane * 4 + byte] = hash >>> (byte * 8);
  }
  return uidOfBytes(asUuid(bytes, 8));
}

/** True for a UID by the rules of PS3.5 9.1: at most 64 characters, components without leading zeros. */
export function isUid(text: string): boolean {
  return text.length <= 64 && /^(0|[1-9]\d*)(\.(0|[1-9]\d*))+$/.test(text);
}

/** @throws RefineError `unsupported-dicom` when `text` is not a UID. */
export function requireUid(text: string, keyword: string): string {
  if (isUid(text)) return text;
  throw new RefineError("unsupported-dicom", `${keyword} is "${text}", which is not a valid UID (PS3.5 9.1).`, {
    hint: "Correct the object at its source.",
    details: { keyword, value: text },
  });
}
