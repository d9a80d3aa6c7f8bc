import type { Graph, Tensor } from "../graph/graph.ts";
import * as primitive from "../graph/primitives.ts";

// The four operations with NumPy's broadcasting: what was repeated gets the sum of the repetitions' gradients.

/** y = a + b; da = dy, db = dy. */
export function sum(graph: Graph, a: Tensor, b: Tensor): Tensor {
  return graph.record(primitive.add(graph, a, b), [
    { input: a, gradient: (dy) => primitive.reduceToShape(graph, dy, a.shape) },
    { input: b, gradient: (dy) => primitive.reduceToShape(graph, dy, b.shape) },
  ]);
}

/** y = a - b; da = dy, db = -dy. */
export function difference(graph: Graph, a: Tensor, b: Tensor): Tensor {
  return graph.record(primitive.subtract(graph, a, b), [
    { input: a, gradient: (dy) => primitive.reduceToShape(graph, dy, a.shape) },
    { input: b, gradient: (dy) => primitive.reduceToShape(graph, primitive.unary(graph, "Neg", dy), b.shape) },
  ]);
}

/** y = a · b element by element; da = dy·b, db = dy·a. */
export function product(graph: Graph, a: Tensor, b: Tensor): Tensor {
  return graph.record(primitive.multiply(graph, a, b), [
    { input: a, gradient: (dy) => primitive.reduceToShape(graph, primitive.multiply(graph, dy, b), a.shape) },
    { input: b, gradient: (dy) => primitive.reduceToShape(graph, primitive.multiply(graph, dy, a), b.shape) },
  ]);
}

/** y = a / b; da = dy/b, db = -dy·y/b. */
export function quotient(graph: Graph, a: Tensor, b: Tensor): Tensor {
  const y = primitive.divide(graph, a, b);
  return graph.record(y, [
    { input: a, gradient: (dy) => primitive.reduceToShape(graph, primitive.divide(graph, dy, b), a.shape) },
    {
      input: b,
      gradient: (dy) => {
        const slope = primitive.unary(graph, "Neg", primitive.divide(graph, y, b));
        return primitive.reduceToShape(graph, primitive.multiply(graph, dy, slope), b.shape);
      },
    },
  ]);
}
