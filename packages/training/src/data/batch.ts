import type { GridSize } from "@samrefine/core";
import type { RawTensor } from "@samrefine/inference";
import { type Activation, channelCount } from "../loss/activation.ts";
import type { Sample } from "./sampler.ts";

/** Planes of the samples as [N, channels, rows, columns]. */
export function imageTensor(samples: readonly Pick<Sample, "planes">[], { rows, columns }: GridSize): RawTensor {
  const plane = rows * columns;
  const channels = samples[0]?.planes.length ?? 0;
  const data = new Float32Array(samples.length * channels * plane);
  samples.forEach((sample, n) => {
    sample.planes.forEach((values, channel) => {
      data.set(values, (n * channels + channel) * plane);
    });
  });
  return { data, dims: [samples.length, channels, rows, columns] };
}

/**
 * Labels as one binary channel per value 1..labelCount, with a softmax behind one for all other values, the background:
 * [N, channels, rows, columns].
 */
export function targetTensor(
  samples: readonly Pick<Sample, "labels">[],
  labelCount: number,
  { rows, columns }: GridSize,
  activation: Activation,
): RawTensor {
  const plane = rows * columns;
  const channels = channelCount(labelCount, activation);
  const background = channels - labelCount;
  const data = new Float32Array(samples.length * channels * plane);
  samples.forEach(({ labels }, n) => {
    labels?.forEach((value, pixel) => {
      const isLabel = value >= 1 && value <= labelCount;
      if (isLabel) data[(n * channels + background + value - 1) * plane + pixel] = 1;
      else if (activation === "softmax") data[n * channels * plane + pixel] = 1;
    });
  });
  return { data, dims: [samples.length, channels, rows, columns] };
}

/** The weight of the sample's case, 0 where the label has the ignore value, [N, 1, rows, columns]. */
export function pixelWeightTensor(
  samples: readonly Pick<Sample, "caseId" | "labels">[],
  ignoreLabel: number | undefined,
  caseWeights: ReadonlyMap<string, number> | undefined,
  { rows, columns }: GridSize,
): RawTensor {
  const plane = rows * columns;
  const data = new Float32Array(samples.length * plane);
  samples.forEach(({ caseId, labels }, n) => {
    data.fill(caseWeights?.get(caseId) ?? 1, n * plane, (n + 1) * plane);
    labels?.forEach((value, pixel) => {
      if (value === ignoreLabel) data[n * plane + pixel] = 0;
    });
  });
  return { data, dims: [samples.length, 1, rows, columns] };
}

/** A scalar input of the step graph, shape [1]. */
export function scalarTensor(value: number): RawTensor {
  return { data: Float32Array.of(value), dims: [1] };
}
