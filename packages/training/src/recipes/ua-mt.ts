import { imageTensor, scalarTensor } from "../data/batch.ts";
import type { Graph, Tensor } from "../graph/graph.ts";
import {
  add,
  greaterMask,
  multiply,
  reduceMean,
  reduceSum,
  reshape,
  scale,
  subtract,
  unary,
} from "../graph/primitives.ts";
import { type Activation, probabilitiesOf } from "../loss/activation.ts";
import { meanSquaredError } from "../loss/mean-squared-error.ts";
import { sliceBatch } from "../operator/slice-batch.ts";
import { rampUp } from "../schedule/schedule.ts";
import { SSL4MIS } from "./published.ts";
import type { Recipe } from "./recipe.ts";
import { semiSupervised } from "./semi-supervised.ts";
import { noisyImages } from "./unlabeled-stream.ts";

/**
 * Uncertainty-aware mean teacher (methods.md 5.1): as mean teacher, but only where the entropy of the mean of several noisy
 * teacher passes is below (0.75 + 0.25·ramp)·ln 2. The first pass is the target. With a softmax the
 * entropy is over the classes (and the limit the same, as published), with independent labels it is binary, one per label.
 * The passes differ by their noise and, where the network has it, by dropout.
 */
export const uaMt: Recipe = {
  name: "ua-mt",
  summary: "mean teacher where the teacher is certain over several noisy passes",
  defaults: { averageDecay: 0.99 },
  paper: { ...SSL4MIS, averageDecay: 0.99 },
  usesUnlabeled: true,
  networkCount: 1,
  compose(context) {
    const { activation, grid, random, configuration } = context;
    const { unlabeledBatchSize, consistency, steps } = configuration;
    const { teacherPasses } = consistency;
    return semiSupervised(context, {
      terms({ graph, teacher, declare, answer, scalarInput }) {
        const { supervised, views } = answer([declare("unlabeled")]);
        const passes = declare("teacherViews", teacherPasses);
        const free = views[0]!;
        const largestEntropy = scalarInput("largestEntropy");
        const { expected, certain } = graph.withoutGradient(() => {
          const probabilities = probabilitiesOf(graph, teacher(passes), activation);
          const [, ...extents] = free.shape;
          const stacked = reshape(graph, probabilities, [teacherPasses, unlabeledBatchSize, ...extents]);
          const entropy = entropyOf(graph, reduceMean(graph, stacked, [0]), activation);
          return {
            expected: sliceBatch(graph, probabilities, 0, unlabeledBatchSize),
            certain: greaterMask(graph, largestEntropy, entropy),
          };
        });
        const value = meanSquaredError(graph, probabilitiesOf(graph, free, activation), expected, certain);
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

/** -Σ_c p_c·ln p_c, [N, 1, rows, columns]; of independent labels -(p·ln p + (1 - p)·ln(1 - p)) each. */
function entropyOf(graph: Graph, p: Tensor, activation: Activation): Tensor {
  const term = (q: Tensor): Tensor => multiply(graph, q, unary(graph, "Log", add(graph, q, graph.scalar(1e-6))));
  if (activation === "softmax") return scale(graph, reduceSum(graph, term(p), [1], true), -1);
  return scale(graph, add(graph, term(p), term(subtract(graph, graph.scalar(1), p))), -1);
}
