import type { Graph, Tensor } from "../graph/graph.ts";
import { add, multiply, subtract } from "../graph/primitives.ts";

/** θ' ← a·θ' + (1 - a)·θ; `decay` is [1]. */
export function updateMovingAverage(graph: Graph, average: Tensor, parameters: Tensor, decay: Tensor): Tensor {
  return add(
    graph,
    average,
    multiply(graph, subtract(graph, parameters, average), subtract(graph, graph.scalar(1), decay)),
  );
}

/** a = min(1 - 1/(step + 1), decay): a true average of the first steps, then the fixed decay (methods.md 0.3). */
export function movingAverageDecay(step: number, decay: number): number {
  return Math.min(1 - 1 / (step + 1), decay);
}
