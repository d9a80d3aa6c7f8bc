import type { Graph, Tensor } from "../graph/graph.ts";
import { multiply, reduceSum, subtract } from "../graph/primitives.ts";

/** Softmax over the channels: p_c = e^z_c / Σ_k e^z_k; dz = p · (dp - Σ_c dp_c·p_c). */
export function softmax(graph: Graph, z: Tensor): Tensor {
  const p = graph.emit("Softmax", [z], z.shape, { axis: { int: 1 } });
  return graph.record(p, [
    {
      input: z,
      gradient: (dp) => multiply(graph, p, subtract(graph, dp, reduceSum(graph, multiply(graph, dp, p), [1], true))),
    },
  ]);
}
