import { imageTensor, scalarTensor } from "../data/batch.ts";
import type { Graph, Tensor } from "../graph/graph.ts";
import { add, greaterMask, multiply, reduceMean, reshape, scale, subtract, unary } from "../graph/primitives.ts";
import { meanSquaredError } from "../loss/mean-squared-error.ts";
import { sigmoid } from "../operator/sigmoid.ts";
import { sliceBatch } from "../operator/slice-batch.ts";
import { rampUp } from "../schedule/schedule.ts";
import type { Recipe } from "./recipe.ts";
import { semiSupervised } from "./semi-supervised.ts";
import { noisyImages } from "./unlabeled-stream.ts";

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
    const { grid, random, configuration } = context;
    const { unlabeledBatchSize, consistency, steps } = configuration;
    const { teacherPasses } = consistency;
    return semiSupervised(context, {
      terms({ graph, teacher, declare, answer, scalarInput }) {
        const { supervised, views } = answer([declare("unlabeled")]);
        const passes = declare("teacherViews", teacherPasses);
        const free = views[0]!;
        const largestEntropy = scalarInput("largestEntropy");
        const { expected, certain } = graph.withoutGradient(() => {
          const probabilities = sigmoid(graph, teacher(passes));
          const [, ...extents] = free.shape;
          const stacked = reshape(graph, probabilities, [teacherPasses, unlabeledBatchSize, ...extents]);
          const entropy = binaryEntropy(graph, reduceMean(graph, stacked, [0]));
          return {
            expected: sliceBatch(graph, probabilities, 0, unlabeledBatchSize),
            certain: greaterMask(graph, largestEntropy, entropy),
          };
        });
        const value = meanSquaredError(graph, sigmoid(graph, free), expected, certain);
        return { supervised, added: { consistency: { value, weight: scalarInput("consistencyWeight") } } };
      },
      feeds: ({ step, samples, weight }) => ({
        unlabeled: imageTensor(samples, grid),
        teacherViews: noisyImages(samples, context, random.fork(`teacher ${step}`), teacherPasses),
        consistencyWeight: weight,
        largestEntropy: scalarTensor((0.75 + 0.25 * rampUp(step, steps)) * Math.LN2),
      }),
    });
  },
};

/** -(p·ln p + (1 - p)·ln(1 - p)), at most ln 2. */
function binaryEntropy(graph: Graph, p: Tensor): Tensor {
  const term = (q: Tensor): Tensor => multiply(graph, q, unary(graph, "Log", add(graph, q, graph.scalar(1e-6))));
  return scale(graph, add(graph, term(p), term(subtract(graph, graph.scalar(1), p))), -1);
}
