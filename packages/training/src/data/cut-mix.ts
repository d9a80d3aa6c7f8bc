import type { GridSize, Random } from "@samrefine/core";
import type { Sample } from "./sampler.ts";

/**
 * The box of a CutMix as a mask, 1 inside: 2 to 40 % of the image, its sides in a ratio of 0.3 to 3.33; empty every second
 * time on average (methods.md 3.6). A box that would not fit is cut to the image.
 */
export function drawCutBox({ rows, columns }: GridSize, random: Random): Float32Array {
  const mask = new Float32Array(rows * columns);
  if (random.next() < 0.5) return mask;
  const area = (0.02 + 0.38 * random.next()) * rows * columns;
  const ratio = 0.3 + (1 / 0.3 - 0.3) * random.next();
  const height = Math.min(rows, Math.max(1, Math.round(Math.sqrt(area / ratio))));
  const width = Math.min(columns, Math.max(1, Math.round(Math.sqrt(area * ratio))));
  const top = random.integer(rows - height + 1);
  const left = random.integer(columns - width + 1);
  for (let row = top; row < top + height; row++) {
    mask.fill(1, row * columns + left, row * columns + left + width);
  }
  return mask;
}

/** Sample i with the pixels of sample i + 1 (the first after the last) inside box i. */
export function cutMix(
  samples: readonly Pick<Sample, "planes">[],
  boxes: readonly Float32Array[],
): readonly Pick<Sample, "planes">[] {
  return samples.map(({ planes }, i) => {
    const other = samples[(i + 1) % samples.length]!.planes;
    const box = boxes[i]!;
    return {
      planes: planes.map((plane, channel) =>
        plane.map((value, pixel) => (box[pixel] === 1 ? other[channel]![pixel]! : value)),
      ),
    };
  });
}
