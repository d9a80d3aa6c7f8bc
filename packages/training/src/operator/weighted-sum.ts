import type { Graph, Tensor } from "../graph/graph.ts";
import { add, multiply } from "../graph/primitives.ts";

/** A term of a total loss: a scalar and its weight, fixed or a scalar input that changes from step to step. */
export interface WeightedTerm {
  readonly value: Tensor;
  readonly weight: number | Tensor;
}

/** Σ weight · value of scalars; d value = weight · dy. Weights get no gradient. */
export function weightedSum(graph: Graph, terms: readonly WeightedTerm[]): Tensor {
  const weights = terms.map(({ weight }) => (typeof weight === "number" ? graph.scalar(weight) : weight));
  const total = terms
    .map(({ value }, index) => multiply(graph, value, weights[index]!))
    .reduce((sum, term) => add(graph, sum, term));
  return graph.record(
    total,
    terms.map(({ value }, index) => ({ input: value, gradient: (dy) => multiply(graph, dy, weights[index]!) })),
  );
}
