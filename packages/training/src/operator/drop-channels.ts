import type { Graph, Tensor } from "../graph/graph.ts";
import { concatenate, multiply } from "../graph/primitives.ts";

/** Which images of a batch lose feature channels, and how likely each channel is lost. */
export interface FeaturePerturbation {
  /** Index of the first image that is perturbed; those before it are left alone. */
  readonly from: number;
  readonly probability: number;
}

/**
 * Dropout of whole channels for the images from `from` on: y = x · m, m [N, C, 1, 1] being 1 before `from` and afterwards 0
 * with the given probability, otherwise 1 / (1 - probability); dx = dy · m. Outside training y = x.
 */
export function dropChannels(graph: Graph, x: Tensor, { from, probability }: FeaturePerturbation): Tensor {
  const [images, channels] = x.shape as [number, number];
  if (!graph.isTraining || probability === 0 || from >= images) return x;
  const drawn = graph.randomMask([images - from, channels, 1, 1], probability);
  const untouched = graph.constant(new Float32Array(from * channels).fill(1), [from, channels, 1, 1]);
  const mask = graph.withoutGradient(() => (from === 0 ? drawn : concatenate(graph, [untouched, drawn], 0)));
  return graph.record(multiply(graph, x, mask), [{ input: x, gradient: (dy) => multiply(graph, dy, mask) }]);
}
