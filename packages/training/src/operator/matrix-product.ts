import type { Graph, Tensor } from "../graph/graph.ts";
import { matmul, reduceToShape, transpose } from "../graph/primitives.ts";

/**
 * Matrix product over the last two axes, the axes before them broadcast: y = a · b, da = dy · bᵀ, db = aᵀ · dy.
 *
 * @param a [..., n, k]
 * @param b [..., k, m]
 */
export function matrixProduct(graph: Graph, a: Tensor, b: Tensor): Tensor {
  return graph.record(matmul(graph, a, b), [
    { input: a, gradient: (dy) => reduceToShape(graph, matmul(graph, dy, turned(graph, b)), a.shape) },
    { input: b, gradient: (dy) => reduceToShape(graph, matmul(graph, turned(graph, a), dy), b.shape) },
  ]);
}

/** The last two axes exchanged. */
function turned(graph: Graph, matrix: Tensor): Tensor {
  const rank = matrix.shape.length;
  const axes = matrix.shape.map((_, axis) => axis);
  return transpose(graph, matrix, [...axes.slice(0, -2), rank - 1, rank - 2]);
}
