import type { Graph, Tensor } from "../graph/graph.ts";
import { multiply } from "../graph/primitives.ts";

/**
 * Dropout: y = x · m, where m is 0 with the given probability and 1 / (1 - probability) otherwise; dx = dy · m. The mask is an
 * input of the graph, so that a run is repeatable. Outside training y = x.
 */
export function dropout(graph: Graph, x: Tensor, probability: number): Tensor {
  if (!graph.isTraining || probability === 0) return x;
  const mask = graph.randomMask(x.shape, probability);
  return graph.record(multiply(graph, x, mask), [{ input: x, gradient: (dy) => multiply(graph, dy, mask) }]);
}
