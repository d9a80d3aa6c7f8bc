import type { Graph, Tensor } from "../graph/graph.ts";
import { pad, slice } from "../graph/primitives.ts";

/** Images start..end-1 of a batch; the gradient is zero for the others. */
export function sliceBatch(graph: Graph, x: Tensor, start: number, end: number): Tensor {
  const none = x.shape.slice(1).map(() => 0);
  return graph.record(slice(graph, x, [start], [end], [0]), [
    { input: x, gradient: (dy) => pad(graph, dy, [start, ...none], [x.shape[0]! - end, ...none]) },
  ]);
}
