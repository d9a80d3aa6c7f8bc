import type { RawTensor } from "@samrefine/inference";
import type { Sample } from "../data/sampler.ts";
import type { Tensor } from "../graph/graph.ts";
import { concatenate } from "../graph/primitives.ts";
import { entropy } from "../loss/entropy.ts";
import type { FeaturePerturbation } from "../operator/drop-channels.ts";
import { sliceBatch } from "../operator/slice-batch.ts";
import { type WeightedTerm, weightedSum } from "../operator/weighted-sum.ts";
import type { PredictStudent } from "../run/student-predictor.ts";
import type { Loss, LossContext } from "../run/training-step.ts";
import { labeledStream } from "./labeled-stream.ts";
import type { ComposedRecipe, RecipeContext } from "./recipe.ts";
import { segmentationLoss } from "./segmentation-loss.ts";
import { unlabeledStream } from "./unlabeled-stream.ts";

/** What a network made of the labelled images and of views of the unlabelled ones, in one pass. */
export interface StudentAnswer {
  readonly supervised: Loss;
  /** Logits per view, [unlabelled, labels, rows, columns] each. */
  readonly views: readonly Tensor[];
}

export interface SemiSupervisedContext extends LossContext {
  /** Declares an image input of the unlabelled batch, times `repeats`. */
  declare(name: string, repeats?: number): Tensor;
  /** Runs a network once on the labelled images joined with views of the unlabelled ones. */
  answer(views: readonly Tensor[], index?: number, perturbation?: FeaturePerturbation): StudentAnswer;
}

/** What a recipe for unlabelled images adds to supervised training. */
export interface SemiSupervisedSpec {
  /** The supervised loss of an answer, and the terms that are added to it, by the names under which they are reported. */
  terms(context: SemiSupervisedContext): {
    readonly supervised: Loss;
    readonly added: Readonly<Record<string, WeightedTerm>>;
  };
  /**
   * Values of the inputs that `terms` declares.
   * @param weight of the unsupervised term at this step, ramped up over the run.
   */
  feeds(batch: {
    readonly step: number;
    readonly samples: readonly Sample[];
    readonly weight: RawTensor;
    readonly predict: PredictStudent;
  }): Readonly<Record<string, RawTensor>> | Promise<Readonly<Record<string, RawTensor>>>;
}

/**
 * The set-up that the recipes for unlabelled images share: a labelled and an unlabelled half of the batch, the student on both
 * at once, the supervised loss on its half, and a sum of terms,
 * with the entropy of the first view where the configuration weighs it.
 * @throws RefineError `dataset` when the split has no unlabelled case.
 */
export function semiSupervised(context: RecipeContext, spec: SemiSupervisedSpec): ComposedRecipe {
  const { activation, configuration, positiveWeights } = context;
  const { batchSize, unlabeledBatchSize, consistency, loss } = configuration;
  const labeled = labeledStream(context);
  const unlabeled = unlabeledStream(context);
  return {
    buildLoss(lossContext) {
      const { graph, student, input } = lossContext;
      const { image, target, pixelWeights } = labeled.declare(input);
      const unlabeledViews: Tensor[] = [];
      const { supervised, added } = spec.terms({
        ...lossContext,
        declare: (name, repeats) => unlabeled.declare(input, name, repeats),
        answer(views, index, perturbation) {
          const logits = student(concatenate(graph, [image, ...views], 0), index, perturbation);
          const ofViews = views.map((_, view) => {
            const start = batchSize + view * unlabeledBatchSize;
            return sliceBatch(graph, logits, start, start + unlabeledBatchSize);
          });
          unlabeledViews.push(...ofViews);
          return {
            supervised: segmentationLoss(graph, sliceBatch(graph, logits, 0, batchSize), target, {
              kind: loss.kind,
              positiveWeights,
              pixelWeights,
            }),
            views: ofViews,
          };
        },
      });
      const { entropyWeight } = consistency;
      const firstView = unlabeledViews[0];
      const unsupervised =
        entropyWeight > 0 && firstView
          ? { ...added, entropy: { value: entropy(graph, firstView, { activation }), weight: entropyWeight } }
          : added;
      return {
        total: weightedSum(graph, [{ value: supervised.total, weight: 1 }, ...Object.values(unsupervised)]),
        terms: {
          ...supervised.terms,
          ...Object.fromEntries(Object.entries(unsupervised).map(([name, { value }]) => [name, value])),
        },
      };
    },
    async feeds(step, predict) {
      const base = labeled.feeds(step);
      const samples = unlabeled.samples(step);
      const own = await spec.feeds({ step, samples, weight: unlabeled.weight(step), predict });
      return { inputs: { ...base.inputs, ...own }, samples: base.samples };
    },
  };
}
