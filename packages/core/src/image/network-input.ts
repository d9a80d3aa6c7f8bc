import { type GridSize, requireGridLength } from "../kernels/grid.ts";
import type { Image2D } from "./image.ts";
import type { IntensityTransform } from "./intensity.ts";

/**
 * What a U-Net is fed, in training and at work alike: intensities first, on the image's own pixels, then a bilinear
 * stretch to the network's grid with half-pixel centres and no antialiasing (methods.md 1.2; PyTorch's `interpolate`
 * with `align_corners=False`). A NaN pixel counts as the value that the transform maps to 0.
 *
 * Only the source pixels that the grid touches are read, so that a large radiograph costs no more than its grid.
 *
 * @returns [channels, rows, columns], planar, row-major.
 * @throws RefineError `shape-mismatch` when the image's data do not fill its geometry.
 */
export function networkInput(image: Image2D, intensity: IntensityTransform, grid: GridSize): Float32Array<ArrayBuffer> {
  const { data, channels } = image;
  requireGridLength("Network input", data.length, image.geometry, channels);
  const { rows: sourceRows, columns: sourceColumns } = image.geometry;
  const { lower, upper, subtract, multiply } = intensity;
  const normalise = (value: number): number => {
    const clipped = value < lower ? lower : value > upper ? upper : value;
    return Number.isNaN(clipped) ? 0 : (clipped - subtract) * multiply;
  };

  const plane = grid.rows * grid.columns;
  const result = new Float32Array(channels * plane);
  if (grid.rows === sourceRows && grid.columns === sourceColumns) {
    for (let channel = 0; channel < channels; channel++) {
      let target = channel * plane;
      for (let i = channel; i < data.length; i += channels) result[target++] = normalise(data[i]!);
    }
    return result;
  }

  const x = linearTaps(grid.columns, sourceColumns);
  const y = linearTaps(grid.rows, sourceRows);
  const stride = sourceColumns * channels;
  for (let channel = 0; channel < channels; channel++) {
    let target = channel * plane;
    for (let row = 0; row < grid.rows; row++) {
      const above = y.low[row]! * stride + channel;
      const below = y.high[row]! * stride + channel;
      const wy = y.weight[row]!;
      for (let column = 0; column < grid.columns; column++) {
        const left = x.low[column]! * channels;
        const right = x.high[column]! * channels;
        const wx = x.weight[column]!;
        const top = normalise(data[above + left]!) * (1 - wx) + normalise(data[above + right]!) * wx;
        const bottom = normalise(data[below + left]!) * (1 - wx) + normalise(data[below + right]!) * wx;
        result[target++] = top * (1 - wy) + bottom * wy;
      }
    }
  }
  return result;
}

/** For each target index the two source indices it lies between and the weight of the higher one; edges repeat. */
function linearTaps(
  target: number,
  source: number,
): { readonly low: Int32Array; readonly high: Int32Array; readonly weight: Float64Array } {
  const low = new Int32Array(target);
  const high = new Int32Array(target);
  const weight = new Float64Array(target);
  for (let i = 0; i < target; i++) {
    const position = Math.max(0, ((i + 0.5) * source) / target - 0.5);
    const below = Math.min(Math.floor(position), source - 1);
    low[i] = below;
    high[i] = Math.min(below + 1, source - 1);
    weight[i] = below === source - 1 ? 0 : position - below;
  }
  return { low, high, weight };
}
