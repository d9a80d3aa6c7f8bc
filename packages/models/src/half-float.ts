const floats = new Float32Array(1);
const bits = new Uint32Array(floats.buffer);
/** Added to a small number, it shifts the mantissa to where a subnormal half keeps it, rounded by the addition itself. */
const subnormalMagic = ((127 - 15 + (23 - 10) + 1) << 23) >>> 0;

/** The largest magnitude that still rounds to a finite half. */
export const largestHalf = 65519.996;

type HalfArray = new (values: Float32Array) => { readonly buffer: ArrayBuffer };

/**
 * IEEE 754 binary16 of each value, rounded to nearest, ties to even; beyond {@link largestHalf} it is infinite.
 * The engine's own Float16Array does it where there is one; it is younger than the browsers that hospitals run.
 */
export function toHalf(values: Float32Array): Uint16Array<ArrayBuffer> {
  const { Float16Array } = globalThis as { readonly Float16Array?: HalfArray };
  return Float16Array ? new Uint16Array(new Float16Array(values).buffer) : roundToHalf(values);
}

/** {@link toHalf} without Float16Array. */
export function roundToHalf(values: Float32Array): Uint16Array<ArrayBuffer> {
  const source = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const result = new Uint16Array(values.length);
  for (let i = 0; i < source.length; i++) {
    const word = source[i]!;
    const magnitude = word & 0x7fff_ffff;
    let half: number;
    if (magnitude >= 0x4780_0000) {
      half = magnitude > 0x7f80_0000 ? 0x7e00 : 0x7c00;
    } else if (magnitude < 0x3880_0000) {
      bits[0] = magnitude;
      const small = floats[0]!;
      bits[0] = subnormalMagic;
      floats[0] = floats[0]! + small;
      half = bits[0]! - subnormalMagic;
    } else {
      const isOdd = (magnitude >>> 13) & 1;
      half = (magnitude - 0x3800_0000 + 0xfff + isOdd) >>> 13;
    }
    result[i] = ((word >>> 16) & 0x8000) | half;
  }
  return result;
}

let table: Float32Array | undefined;

/** The values of halves, exactly. */
export function fromHalf(halves: Uint16Array): Float32Array<ArrayBuffer> {
  table ??= Float32Array.from({ length: 65536 }, (_, half) => valueOfHalf(half));
  const result = new Float32Array(halves.length);
  for (let i = 0; i < halves.length; i++) result[i] = table[halves[i]!]!;
  return result;
}

function valueOfHalf(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >>> 10) & 31;
  const mantissa = half & 1023;
  if (exponent === 31) return mantissa === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return exponent === 0 ? sign * mantissa * 2 ** -24 : sign * (1 + mantissa / 1024) * 2 ** (exponent - 15);
}
