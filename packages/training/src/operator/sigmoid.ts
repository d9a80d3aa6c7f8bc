import type { Graph, Tensor } from "../graph/graph.ts";
import { multiply, subtract, unary } from "../graph/primitives.ts";

/** p = 1 / (1 + e⁻ᶻ); dz = dp · p · (1 - p). */
export function sigmoid(graph: Graph, z: Tensor): Tensor {
  const p = unary(graph, "Sigmoid", z);
  return graph.record(p, [
    {
      input: z,
      gradient: (dp) => multiply(graph, dp, multiply(graph, p, subtract(graph, graph.scalar(1), p))),
    },
  ]);
}
