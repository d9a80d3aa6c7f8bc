import { imageTensor } from "../data/batch.ts";
import { jitterIntensity } from "../data/intensity-jitter.ts";
import { STRONG_VIEW } from "../data/strong-view.ts";
import { concatenate, greaterMask, unary } from "../graph/primitives.ts";
import { sliceBatch } from "../operator/slice-batch.ts";
import { weightedSum } from "../operator/weighted-sum.ts";
import { labeledStream } from "./labeled-stream.ts";
import type { Recipe } from "./recipe.ts";
import { segmentationLoss } from "./segmentation-loss.ts";
import { unlabeledStream } from "./unlabeled-stream.ts";

/**
 * FixMatch (methods.md 3.5): the prediction for a weakly changed image, where it is confident, is the label of a strongly
 * changed view of the same pixels. Confident means max(p, 1 - p) above the threshold, per channel.
 */
export const fixmatch: Recipe = {
  name: "fixmatch",
  summary: "confident predictions label strongly changed views of unlabelled images",
  defaults: {},
  usesUnlabeled: true,
  networkCount: 1,
  compose(context) {
    const { configuration, positiveWeights, random, grid } = context;
    const labeled = labeledStream(context);
    const unlabeled = unlabeledStream(context);
    const { batchSize, unlabeledBatchSize, loss, consistency } = configuration;
    // max(p, 1 - p) > c is |z| > ln(c / (1 - c)).
    const logitThreshold = Math.log(consistency.confidence / (1 - consistency.confidence));
    return {
      buildLoss({ graph, student, input, scalarInput }) {
        const { image, target, pixelWeights } = labeled.declare(input);
        const weak = unlabeled.declare(input, "weakView");
        const strong = unlabeled.declare(input, "strongView");
        const { label, certain } = graph.withoutGradient(() => {
          const prediction = student(weak);
          return {
            label: greaterMask(graph, prediction, graph.scalar(0)),
            certain: greaterMask(graph, unary(graph, "Abs", prediction), graph.scalar(logitThreshold)),
          };
        });
        const logits = student(concatenate(graph, [image, strong], 0));
        const supervised = segmentationLoss(graph, sliceBatch(graph, logits, 0, batchSize), target, {
          kind: loss.kind,
          positiveWeights,
          pixelWeights,
        });
        const strongLogits = sliceBatch(graph, logits, batchSize, batchSize + unlabeledBatchSize);
        const consistent = segmentationLoss(graph, strongLogits, label, { kind: loss.kind, pixelWeights: certain });
        return {
          total: weightedSum(graph, [
            { value: supervised.total, weight: 1 },
            { value: consistent.total, weight: scalarInput("consistencyWeight") },
          ]),
          terms: { ...supervised.terms, consistency: consistent.total },
        };
      },
      feeds(step) {
        const base = labeled.feeds(step);
        const weak = unlabeled.samples(step);
        const strong = weak.map((sample, index) => ({
          ...sample,
          planes: jitterIntensity(sample.planes, STRONG_VIEW, grid, random.fork(`strong ${step} ${index}`)),
        }));
        return {
          inputs: {
            ...base.inputs,
            weakView: imageTensor(weak, grid),
            strongView: imageTensor(strong, grid),
            consistencyWeight: unlabeled.weight(step),
          },
          samples: base.samples,
        };
      },
    };
  },
};
