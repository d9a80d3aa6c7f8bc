import type { Graph, Tensor } from "../graph/graph.ts";
import { concatenate, slice } from "../graph/primitives.ts";

/** [a, b] along the channel axis; each input's gradient is its part of dy. */
export function concatenateChannels(graph: Graph, a: Tensor, b: Tensor): Tensor {
  const boundary = a.shape[1]!;
  const end = boundary + b.shape[1]!;
  return graph.record(concatenate(graph, [a, b], 1), [
    { input: a, gradient: (dy) => slice(graph, dy, [0], [boundary], [1]) },
    { input: b, gradient: (dy) => slice(graph, dy, [boundary], [end], [1]) },
  ]);
}
