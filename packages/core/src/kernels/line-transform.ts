/** Neighbouring lines that are worked on together, so that a cache line that was fetched is used whole. */
const BLOCK = 16;

/**
 * Lower envelope of parabolas along one further axis, in place (Felzenszwalb and Huttenlocher, "Distance transforms of
 * sampled functions", 2012), for `lines` neighbouring lines whose samples lie `stride` apart. Infinite samples have no
 * parabola. A zero cannot become smaller, and nothing beyond it can be nearer than itself: only what lies between zeros is
 * worked on, and most of an image is zero.
 */
export function createLineTransform(
  length: number,
  step: number,
): (values: Float32Array, start: number, stride: number, lines: number) => void {
  const block = new Float32Array(BLOCK * length);
  const vertices = new Int32Array(length);
  const borders = new Float64Array(length + 1);
  const squaredStep = step * step;

  /** Samples `begin` to `end` (exclusive) of one line, which are not zero; those beside them are, or do not exist. */
  const transformRun = (
    offset: number,
    begin: number,
    end: number,
    target: Float32Array,
    start: number,
    stride: number,
  ): void => {
    let last = -1;
    for (let i = Math.max(0, begin - 1); i < Math.min(length, end + 1); i++) {
      const height = block[offset + i]!;
      if (height === Number.POSITIVE_INFINITY) continue;
      const lifted = height + squaredStep * i * i;
      let border = Number.NEGATIVE_INFINITY;
      while (last >= 0) {
        const vertex = vertices[last]!;
        border = (lifted - block[offset + vertex]! - squaredStep * vertex * vertex) / (2 * squaredStep * (i - vertex));
        if (border > borders[last]!) break;
        last--;
        border = Number.NEGATIVE_INFINITY;
      }
      last++;
      vertices[last] = i;
      borders[last] = border;
    }
    if (last < 0) return;
    borders[last + 1] = Number.POSITIVE_INFINITY;
    let parabola = 0;
    for (let i = begin; i < end; i++) {
      while (borders[parabola + 1]! < i) parabola++;
      const vertex = vertices[parabola]!;
      const distance = i - vertex;
      target[start + i * stride] = squaredStep * distance * distance + block[offset + vertex]!;
    }
  };

  const transformLine = (offset: number, target: Float32Array, start: number, stride: number): void => {
    let i = 0;
    while (i < length) {
      if (block[offset + i] === 0) {
        i++;
        continue;
      }
      const begin = i;
      while (i < length && block[offset + i] !== 0) i++;
      transformRun(offset, begin, i, target, start, stride);
    }
  };

  return (values, start, stride, lines) => {
    for (let first = 0; first < lines; first += BLOCK) {
      const count = Math.min(BLOCK, lines - first);
      let sum = 0;
      for (let i = 0; i < length; i++) {
        const source = start + first + i * stride;
        for (let line = 0; line < count; line++) {
          const value = values[source + line]!;
          block[line * length + i] = value;
          sum += value;
        }
      }
      if (sum === 0) continue;
      for (let line = 0; line < count; line++) transformLine(line * length, values, start + first + line, stride);
    }
  };
}
