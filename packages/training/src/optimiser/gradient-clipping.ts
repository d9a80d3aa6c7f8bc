import type { Graph, Tensor } from "../graph/graph.ts";
import { add, divide, minimum, multiply, reshape, sumAll, unary } from "../graph/primitives.ts";

/** Euclidean norm of a flat vector, as a scalar of shape []. */
export function globalNorm(graph: Graph, gradient: Tensor): Tensor {
  return unary(graph, "Sqrt", sumAll(graph, multiply(graph, gradient, gradient)));
}

/** Scales the gradient so that its norm is at most `maximum`: g · min(1, maximum / (‖g‖ + 1e-6)). */
export function clipByGlobalNorm(graph: Graph, gradient: Tensor, norm: Tensor, maximum: number): Tensor {
  const ratio = divide(graph, graph.scalar(maximum), add(graph, norm, graph.scalar(1e-6)));
  return multiply(graph, gradient, reshape(graph, minimum(graph, graph.scalar(1), ratio), [1]));
}
