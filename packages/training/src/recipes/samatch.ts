import { presetPlan, type RefinementPlan } from "@samrefine/core";
import { imageTensor } from "../data/batch.ts";
import { jitterIntensity } from "../data/intensity-jitter.ts";
import { STRONG_VIEW } from "../data/strong-view.ts";
import { concatenate } from "../graph/primitives.ts";
import { sliceBatch } from "../operator/slice-batch.ts";
import { weightedSum } from "../operator/weighted-sum.ts";
import { rampUp } from "../schedule/schedule.ts";
import { guidedStream } from "./guided-stream.ts";
import { labeledStream } from "./labeled-stream.ts";
import type { Recipe } from "./recipe.ts";
import { segmentationLoss } from "./segmentation-loss.ts";
import { unlabeledStream } from "./unlabeled-stream.ts";

/** The box of ACDC, 10 px on a grid of 256, for our grid of 128. */
const BOX: RefinementPlan = {
  ...presetPlan("samatch-fix-acdc"),
  id: "samatch-box",
  note: "The largest box of a class grown by 5 px, meant for a grid of 128. For training, not for annotation.",
  passes: [{ box: { marginPixels: 5, marginFraction: 0, edges: "exclusive" }, maskInput: "none", maskScale: 1 }],
};

/**
 * SAM-Match (methods.md 3.6) with a frozen SAM: the prediction for an unlabelled image gives one box per label, SAM's mask of
 * the box is the label of a strongly changed view of the same pixels. A label that was not predicted has no box and does not
 * count. The weight is ramped up over the run.
 */
export const samatch: Recipe = {
  name: "samatch",
  summary: "SAM's masks of predicted boxes label strongly changed views of unlabelled images",
  defaults: { guidance: { weight: 0.1, plan: BOX } },
  usesUnlabeled: true,
  usesPromptable: true,
  networkCount: 1,
  compose(context) {
    const { configuration, positiveWeights, random, grid } = context;
    const labeled = labeledStream(context);
    const unlabeled = unlabeledStream(context);
    const guided = guidedStream(context);
    const { batchSize, unlabeledBatchSize, loss, steps } = configuration;
    return {
      buildLoss({ graph, student, input, scalarInput }) {
        const { image, target, pixelWeights } = labeled.declare(input);
        const strong = unlabeled.declare(input, "strongView");
        const opinion = guided.declare(input);
        const logits = student(concatenate(graph, [image, strong], 0));
        const supervised = segmentationLoss(graph, sliceBatch(graph, logits, 0, batchSize), target, {
          kind: loss.kind,
          positiveWeights,
          pixelWeights,
        });
        const strongLogits = sliceBatch(graph, logits, batchSize, batchSize + unlabeledBatchSize);
        const sam = segmentationLoss(graph, strongLogits, opinion.target, {
          kind: loss.kind,
          pixelWeights: opinion.heard,
        });
        return {
          total: weightedSum(graph, [
            { value: supervised.total, weight: 1 },
            { value: sam.total, weight: scalarInput("samWeight") },
          ]),
          terms: { ...supervised.terms, sam: sam.total },
        };
      },
      async feeds(step, predict) {
        const base = labeled.feeds(step);
        const weak = unlabeled.samples(step);
        const strong = weak.map((sample, index) => ({
          ...sample,
          planes: jitterIntensity(sample.planes, STRONG_VIEW, grid, random.fork(`strong ${step} ${index}`)),
        }));
        return {
          inputs: {
            ...base.inputs,
            strongView: imageTensor(strong, grid),
            ...(await guided.feeds(step, weak, predict)),
            samWeight: { data: Float32Array.of(guided.weight * rampUp(step, steps)), dims: [1] },
          },
          samples: base.samples,
        };
      },
    };
  },
};
