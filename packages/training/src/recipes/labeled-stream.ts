import type { RawTensor } from "@samrefine/inference";
import { imageTensor, pixelWeightTensor, targetTensor } from "../data/batch.ts";
import type { Sample } from "../data/sampler.ts";
import type { Tensor } from "../graph/graph.ts";
import type { LossContext } from "../run/training-step.ts";
import type { RecipeContext } from "./recipe.ts";

export interface LabeledStream {
  /** Declares the graph inputs `image`, `target` and, when the data set has an ignore label, `pixelWeights`. */
  declare(input: LossContext["input"]): {
    readonly image: Tensor;
    readonly target: Tensor;
    readonly pixelWeights: Tensor | undefined;
  };
  feeds(step: number): { readonly inputs: Readonly<Record<string, RawTensor>>; readonly samples: readonly string[] };
}

/** The labelled half of a batch, common to all recipes. */
export function labeledStream({ configuration, grid, labelCount, ignoreLabel, labeled }: RecipeContext): LabeledStream {
  const { batchSize, channels } = configuration;
  const { rows, columns } = grid;
  return {
    declare: (input) => ({
      image: input("image", [batchSize, channels, rows, columns]),
      target: input("target", [batchSize, labelCount, rows, columns]),
      pixelWeights: ignoreLabel === undefined ? undefined : input("pixelWeights", [batchSize, 1, rows, columns]),
    }),
    feeds(step) {
      const samples = Array.from({ length: batchSize }, (_, i) => labeled.sample(step * batchSize + i));
      return {
        inputs: {
          image: imageTensor(samples, grid),
          target: targetTensor(samples, labelCount, grid),
          ...(ignoreLabel === undefined ? {} : { pixelWeights: pixelWeightTensor(samples, ignoreLabel, grid) }),
        },
        samples: samples.map(describeSample),
      };
    },
  };
}

export function describeSample({ caseId, slice }: Sample): string {
  return `${caseId} slice ${slice}`;
}
