/** Opcodes of a segment (PS3.3 C.7.9.2). */
const DISCRETE = 0;
const LINEAR = 1;
const INDIRECT = 2;

/** A table that is written as segments, and how long it is when written out. */
export interface SegmentedTable {
  /** The words, or bytes where entries have 8 bits. */
  readonly data: Uint8Array | Uint16Array;
  /** Entries of the table, from its descriptor. */
  readonly length: number;
}

/**
 * Writes out a segmented palette table (PS3.3 C.7.9.2): runs of values, straight lines from the value before, and segments that
 * are used again.
 * @returns undefined when the segments are damaged or make another number of entries.
 */
export function writtenOutTable({ data, length }: SegmentedTable): Uint8Array | Uint16Array | undefined {
  const values = data instanceof Uint8Array ? new Uint8Array(length) : new Uint16Array(length);
  const end = writeSegments(data, { at: 0, count: Number.POSITIVE_INFINITY }, values, 0, true);
  return end === length ? values : undefined;
}

/** @returns entries written so far; undefined for segments that cannot be followed. */
function writeSegments(
  data: Uint8Array | Uint16Array,
  segments: { readonly at: number; readonly count: number },
  values: Uint8Array | Uint16Array,
  start: number,
  mayRefer: boolean,
): number | undefined {
  let { at } = segments;
  let filled: number | undefined = start;
  for (let n = 0; n < segments.count && filled !== undefined && filled < values.length; n++) {
    const [opcode, size] = [data[at], data[at + 1]];
    if (opcode === undefined || size === undefined || at + 2 >= data.length) return undefined;
    at += 2;
    if (opcode === DISCRETE) {
      if (size > data.length - at || size > values.length - filled) return undefined;
      values.set(data.subarray(at, at + size), filled);
      at += size;
      filled += size;
    } else if (opcode === LINEAR) {
      if (filled === 0 || size > values.length - filled) return undefined;
      const [from, to] = [values[filled - 1]!, data[at]!];
      for (let i = 1; i <= size; i++) values[filled + i - 1] = Math.round(from + ((to - from) * i) / size);
      at += 1;
      filled += size;
    } else if (opcode === INDIRECT && mayRefer) {
      const isWords = data instanceof Uint16Array;
      const parts = isWords ? 2 : 4;
      if (at + parts > data.length) return undefined;
      let offset = 0;
      for (let i = parts - 1; i >= 0; i--) offset = offset * (isWords ? 65536 : 256) + data[at + i]!;
      at += parts;
      // Segments that are used again may not refer on, so this ends.
      const used = { at: isWords ? offset / 2 : offset, count: size };
      filled = Number.isInteger(used.at) ? writeSegments(data, used, values, filled, false) : undefined;
    } else return undefined;
  }
  return filled;
}
