import { imageTensor } from "../data/batch.ts";
import type { Graph, Tensor } from "../graph/graph.ts";
import {
  add,
  concatenate,
  greaterMask,
  multiply,
  reduceMean,
  reshape,
  scale,
  subtract,
  unary,
} from "../graph/primitives.ts";
import { meanSquaredError } from "../loss/mean-squared-error.ts";
import { sigmoid } from "../operator/sigmoid.ts";
import { sliceBatch } from "../operator/slice-batch.ts";
import { weightedSum } from "../operator/weighted-sum.ts";
import { rampUp } from "../schedule/schedule.ts";
import { labeledStream } from "./labeled-stream.ts";
import type { Recipe } from "./recipe.ts";
import { segmentationLoss } from "./segmentation-loss.ts";
import { noisyImages, unlabeledStream } from "./unlabeled-stream.ts";

/**
 * Uncertainty-aware mean teacher (methods.md 5.1): as mean teacher, but only where the entropy of the mean of several noisy
 * teacher passes is below (0.75 + 0.25·ramp)·ln 2. The first pass is the target. Our channels are sigmoids, so the entropy is
 * binary and per channel; the network has no dropout, so the passes differ by their noise.
 */
export const uaMt: Recipe = {
  name: "ua-mt",
  summary: "mean teacher where the teacher is certain over several noisy passes",
  defaults: { averageDecay: 0.99 },
  usesUnlabeled: true,
  networkCount: 1,
  compose(context) {
    const { configuration, positiveWeights, random } = context;
    const labeled = labeledStream(context);
    const unlabeled = unlabeledStream(context);
    const { batchSize, unlabeledBatchSize, loss, consistency, steps } = configuration;
    return {
      buildLoss({ graph, student, teacher, input, scalarInput }) {
        const { image, target, pixelWeights } = labeled.declare(input);
        const view = unlabeled.declare(input, "unlabeled");
        const passes = unlabeled.declare(input, "teacherViews", consistency.teacherPasses);
        const logits = student(concatenate(graph, [image, view], 0));
        const freePart = sliceBatch(graph, logits, batchSize, batchSize + unlabeledBatchSize);
        const supervised = segmentationLoss(graph, sliceBatch(graph, logits, 0, batchSize), target, {
          kind: loss.kind,
          positiveWeights,
          pixelWeights,
        });
        const largestEntropy = scalarInput("largestEntropy");
        const { expected, certain } = graph.withoutGradient(() => {
          const probabilities = sigmoid(graph, teacher(passes));
          const [, ...extents] = freePart.shape;
          const stacked = reshape(graph, probabilities, [consistency.teacherPasses, unlabeledBatchSize, ...extents]);
          const entropy = binaryEntropy(graph, reduceMean(graph, stacked, [0]));
          return {
            expected: sliceBatch(graph, probabilities, 0, unlabeledBatchSize),
            certain: greaterMask(graph, largestEntropy, entropy),
          };
        });
        const agreement = meanSquaredError(graph, sigmoid(graph, freePart), expected, certain);
        return {
          total: weightedSum(graph, [
            { value: supervised.total, weight: 1 },
            { value: agreement, weight: scalarInput("consistencyWeight") },
          ]),
          terms: { ...supervised.terms, consistency: agreement },
        };
      },
      feeds(step) {
        const base = labeled.feeds(step);
        const samples = unlabeled.samples(step);
        const noise = random.fork(`teacher ${step}`);
        const largestEntropy = (0.75 + 0.25 * rampUp(step, steps)) * Math.LN2;
        return {
          inputs: {
            ...base.inputs,
            unlabeled: imageTensor(samples, context.grid),
            teacherViews: noisyImages(samples, context, noise, consistency.teacherPasses),
            consistencyWeight: unlabeled.weight(step),
            largestEntropy: { data: Float32Array.of(largestEntropy), dims: [1] },
          },
          samples: base.samples,
        };
      },
    };
  },
};

/** -(p·ln p + (1 - p)·ln(1 - p)), at most ln 2. */
function binaryEntropy(graph: Graph, p: Tensor): Tensor {
  const term = (q: Tensor): Tensor => multiply(graph, q, unary(graph, "Log", add(graph, q, graph.scalar(1e-6))));
  return scale(graph, add(graph, term(p), term(subtract(graph, graph.scalar(1), p))), -1);
}
