import type { Graph, Tensor } from "../graph/graph.ts";

/**
 * An update rule over flat vectors: all parameters of a run lie in one vector, and so do their gradients and each moment, so
 * that a rule is a handful of element-wise operators whatever the network.
 */
export interface Optimiser {
  readonly name: string;
  /** Names of its state vectors, each as long as the parameters and zero at the start. */
  readonly stateNames: readonly string[];
  /** Scalars that change from step to step besides the learning rate; `step` counts from 0. */
  scalars(step: number): Readonly<Record<string, number>>;
  /** Appends the update and returns new parameters and new state, in the order of `stateNames`. */
  update(graph: Graph, values: OptimiserInputs): { readonly parameters: Tensor; readonly state: readonly Tensor[] };
}

export interface OptimiserInputs {
  readonly parameters: Tensor;
  readonly gradient: Tensor;
  readonly state: readonly Tensor[];
  /** [1] */
  readonly learningRate: Tensor;
  /** Each [1], by the names that `scalars` returns. */
  readonly scalars: Readonly<Record<string, Tensor>>;
}
