import { imageTensor, pixelWeightTensor, targetTensor } from "../data/batch.ts";
import type { Sample } from "../data/sampler.ts";
import type { Tensor } from "../graph/graph.ts";
import { channelCount } from "../loss/activation.ts";
import type { LossContext } from "../run/training-step.ts";
import type { BatchFeeds, RecipeContext } from "./recipe.ts";

export interface LabeledStream {
  /** Declares the graph inputs `image`, `target` and, when pixels or cases weigh differently, `pixelWeights`. */
  declare(input: LossContext["input"]): {
    readonly image: Tensor;
    readonly target: Tensor;
    readonly pixelWeights: Tensor | undefined;
  };
  feeds(step: number): BatchFeeds;
}

/** The labelled half of a batch, common to all recipes. */
export function labeledStream(context: RecipeContext): LabeledStream {
  const { configuration, grid, labelCount, activation, ignoreLabel, caseWeights, labeled } = context;
  const { batchSize, channels } = configuration;
  const { rows, columns } = grid;
  const hasWeights = ignoreLabel !== undefined || caseWeights !== undefined;
  return {
    declare: (input) => ({
      image: input("image", [batchSize, channels, rows, columns]),
      target: input("target", [batchSize, channelCount(labelCount, activation), rows, columns]),
      pixelWeights: hasWeights ? input("pixelWeights", [batchSize, 1, rows, columns]) : undefined,
    }),
    feeds(step) {
      const samples = Array.from({ length: batchSize }, (_, i) => labeled.sample(step * batchSize + i));
      const weights = hasWeights ? { pixelWeights: pixelWeightTensor(samples, ignoreLabel, caseWeights, grid) } : {};
      return {
        inputs: {
          image: imageTensor(samples, grid),
          target: targetTensor(samples, labelCount, grid, activation),
          ...weights,
        },
        samples: samples.map(describeSample),
      };
    },
  };
}

export function describeSample({ caseId, slice }: Sample): string {
  return `${caseId} slice ${slice}`;
}
