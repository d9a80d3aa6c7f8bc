import type { Graph, Tensor } from "../graph/graph.ts";
import { clip, multiply, scale } from "../graph/primitives.ts";

/**
 * Leaky rectifier: y = x for x > 0, slope·x otherwise.
 *
 * dx = dy · clip(y·10³⁰, slope, 1): the clip is 1 above zero and the slope below, without comparison or selection. At
 * exactly 0 it is the slope, as in PyTorch. y has the sign of x and is kept anyway by what comes next, so that x can be let go.
 */
export function leakyRelu(graph: Graph, x: Tensor, slope = 0.01): Tensor {
  const y = graph.emit("LeakyRelu", [x], x.shape, { alpha: { float: slope } });
  return graph.record(y, [
    { input: x, gradient: (dy) => multiply(graph, dy, clip(graph, scale(graph, y, 1e30), slope, 1)) },
  ]);
}
