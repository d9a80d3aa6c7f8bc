import { RefineError } from "@samrefine/core";
import type { RawTensor } from "@samrefine/inference";
import { imageTensor } from "../data/batch.ts";
import type { Sample } from "../data/sampler.ts";
import type { Tensor } from "../graph/graph.ts";
import { channelCount } from "../loss/activation.ts";
import type { PredictStudent } from "../run/student-predictor.ts";
import type { LossContext } from "../run/training-step.ts";
import type { RecipeContext } from "./recipe.ts";

export interface GuidedStream {
  /** Declares SAM's masks and where they count, see `SamAnswer`, of the unlabelled batch. */
  declare(input: LossContext["input"]): { readonly target: Tensor; readonly heard: Tensor };
  /** SAM's answers to the student's prediction for the samples' originals, on the samples' views. */
  feeds(
    step: number,
    samples: readonly Sample[],
    predict: PredictStudent,
  ): Promise<{ readonly samTarget: RawTensor; readonly samHeard: RawTensor }>;
  /** Largest weight of SAM's term. */
  readonly weight: number;
}

/**
 * SAM's part of a batch, common to the recipes that ask it.
 * @throws RefineError `configuration` when the run has no promptable model or no plan.
 */
export function guidedStream({
  configuration,
  grid,
  labelCount,
  activation,
  guide,
  random,
}: RecipeContext): GuidedStream {
  const { recipe, unlabeledBatchSize, guidance } = configuration;
  if (!guide || !guidance) {
    throw new RefineError("configuration", `The recipe "${recipe}" asks SAM, but the run has none.`, {
      hint: "Give a promptable model and a plan for its prompts, or use another recipe.",
    });
  }
  const { rows, columns } = grid;
  const shape = [unlabeledBatchSize, channelCount(labelCount, activation), rows, columns];
  const heardShape = activation === "softmax" ? [unlabeledBatchSize, 1, rows, columns] : shape;
  return {
    declare: (input) => ({ target: input("samTarget", shape), heard: input("samHeard", heardShape) }),
    async feeds(step, samples, predict) {
      const originals = samples.map((sample) => ({ planes: sample.original }));
      const logits = await predict(imageTensor(originals, grid));
      const { target, heard } = await guide.answer(samples, logits, random.fork(`sam ${step}`));
      return { samTarget: target, samHeard: heard };
    },
    weight: guidance.weight,
  };
}
