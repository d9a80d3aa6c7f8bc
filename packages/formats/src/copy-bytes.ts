/**
 * A copy with a buffer of its own that starts at 0, ready for any typed-array view. `slice` would not do: a Node Buffer's
 * shares the memory.
 */
export function copyBytes(bytes: Uint8Array, start: number, end: number): Uint8Array<ArrayBuffer> {
  const copy = new Uint8Array(end - start);
  copy.set(bytes.subarray(start, end));
  return copy;
}
