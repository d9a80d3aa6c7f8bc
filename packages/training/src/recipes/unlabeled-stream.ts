import { type Random, RefineError } from "@samrefine/core";
import type { RawTensor } from "@samrefine/inference";
import { imageTensor, scalarTensor } from "../data/batch.ts";
import type { Sample, Sampler } from "../data/sampler.ts";
import { FIXMATCH_VIEW, strongView } from "../data/strong-view.ts";
import type { Tensor } from "../graph/graph.ts";
import type { TrainingConfiguration } from "../run/configuration.ts";
import type { LossContext } from "../run/training-step.ts";
import { rampUp } from "../schedule/schedule.ts";
import type { RecipeContext } from "./recipe.ts";

export interface UnlabeledStream {
  /** Declares an image input of the unlabelled batch, times `repeats`. */
  declare(input: LossContext["input"], name: string, repeats?: number): Tensor;
  samples(step: number): readonly Sample[];
  /** The weight of the unsupervised term at a step, see `consistencyWeight`. */
  weight(step: number): RawTensor;
}

/**
 * The unlabelled half of a batch.
 * @throws RefineError `dataset` when the split has no unlabelled case.
 */
export function unlabeledStream({ configuration, grid, unlabeled }: RecipeContext): UnlabeledStream {
  const { unlabeledBatchSize, channels, recipe } = configuration;
  const sampler = requireUnlabeled(unlabeled, recipe);
  return {
    declare: (input, name, repeats = 1) =>
      input(name, [repeats * unlabeledBatchSize, channels, grid.rows, grid.columns]),
    samples: (step) =>
      Array.from({ length: unlabeledBatchSize }, (_, i) => sampler.sample(step * unlabeledBatchSize + i)),
    weight: (step) => scalarTensor(consistencyWeight(step, configuration)),
  };
}

/**
 * Weight of the unsupervised term at a 0-based step: ramped up over the whole run, which at the published 30,000 steps is the
 * ramp of 200 times 150 steps, and 0 at its start where the configuration says so.
 */
export function consistencyWeight(
  step: number,
  { steps, consistency: { weight, start } }: Pick<TrainingConfiguration, "steps" | "consistency">,
): number {
  return step < Math.round(start * steps) ? 0 : weight * rampUp(step, steps);
}

/** The samples' planes with clipped Gaussian noise, `repeats` times one after the other: the teacher's view. */
export function noisyImages(
  samples: readonly Sample[],
  context: RecipeContext,
  random: Random,
  repeats = 1,
): RawTensor {
  const { noise } = context.configuration.consistency;
  const { data, dims } = imageTensor(samples, context.grid);
  const repeated = new Float32Array(data.length * repeats);
  for (let repeat = 0; repeat < repeats; repeat++) {
    for (let index = 0; index < data.length; index++) {
      const shift = noise === 0 ? 0 : Math.min(Math.max(noise * random.normal(), -2 * noise), 2 * noise);
      repeated[repeat * data.length + index] = data[index]! + shift;
    }
  }
  return { data: repeated, dims: [dims[0]! * repeats, ...dims.slice(1)] };
}

/** The same pixels with strongly changed grey values, drawn anew at every step. */
export function strongViews(samples: readonly Sample[], context: RecipeContext, step: number): Sample[] {
  const { random, grid, configuration } = context;
  const { strongView: kind } = configuration.consistency;
  return samples.map((sample, index) => ({
    ...sample,
    planes: strongView(sample.planes, FIXMATCH_VIEW, kind, grid, random.fork(`strong ${step} ${index}`)),
  }));
}

function requireUnlabeled(sampler: Sampler | undefined, recipe: string): Sampler {
  if (sampler) return sampler;
  throw new RefineError("dataset", `The recipe "${recipe}" needs unlabelled cases; the split names none.`, {
    hint: 'Name cases under "unlabeled" in split.json, or use the recipe "supervised".',
  });
}
