import type { GridSize } from "@samrefine/core";
import { elementCount, Graph, type Shape, type Tensor } from "../graph/graph.ts";
import type { FeaturePerturbation } from "../operator/drop-channels.ts";

/** How a parameter starts. Fan-in is the number of inputs that one output element sums over. */
export type Initialiser =
  | { readonly kind: "constant"; readonly value: number }
  | { readonly kind: "normal"; readonly standardDeviation: number }
  | { readonly kind: "values"; readonly values: Float32Array };

/** Hands the network its values: declares them, slices them from a vector, or writes them as constants. */
export interface ParameterSource {
  /** A parameter that the optimiser changes. */
  trained(name: string, shape: Shape, initialiser: Initialiser): Tensor;
  /** A value that the network itself carries from step to step, such as the running mean of a normalisation. */
  carried(name: string, shape: Shape, initialiser: Initialiser): Tensor;
  /** Says what a carried value becomes after this step. Without effect outside training. */
  carry(name: string, next: Tensor): void;
}

/**
 * A network, defined once: the same function builds the training graph, the teacher and the exported model, which differ only
 * in where the parameters come from and whether the graph records.
 */
export interface Network {
  /** Architecture and its sizes in words; a checkpoint of another id is refused. */
  readonly id: string;
  readonly inputChannels: number;
  readonly outputChannels: number;
  /** Rows and columns of the input must be multiples of this. */
  readonly divisor: number;
  /** The only grid that the network takes; absent where all multiples of the divisor will do. */
  readonly grid?: GridSize | undefined;
  /**
   * [N, inputChannels, rows, columns] → logits [N, outputChannels, rows, columns]. A perturbation drops channels of what the
   * way down hands to the way up.
   */
  apply(graph: Graph, parameters: ParameterSource, image: Tensor, perturbation?: FeaturePerturbation): Tensor;
}

export interface ParameterSpec {
  readonly name: string;
  readonly shape: Shape;
  readonly initialiser: Initialiser;
  /** Position of the first element in the flat vector. */
  readonly offset: number;
  readonly length: number;
}

/** The values of a network in one flat vector: first all trained ones in the order of their use, then the carried ones. */
export interface ParameterLayout {
  readonly parameters: readonly ParameterSpec[];
  readonly length: number;
  readonly trainedLength: number;
}

/** Lists a network's values by building it once on a graph that is thrown away. */
export function parameterLayout(network: Network): ParameterLayout {
  const trained: Omit<ParameterSpec, "offset">[] = [];
  const carried: Omit<ParameterSpec, "offset">[] = [];
  const declareIn =
    (list: Omit<ParameterSpec, "offset">[]) =>
    (name: string, shape: Shape, initialiser: Initialiser): Tensor => {
      list.push({ name, shape, initialiser, length: elementCount(shape) });
      return { name, shape };
    };
  const source: ParameterSource = { trained: declareIn(trained), carried: declareIn(carried), carry: () => {} };
  const { rows, columns } = network.grid ?? { rows: network.divisor, columns: network.divisor };
  const image = { name: "image", shape: [1, network.inputChannels, rows, columns] };
  network.apply(new Graph(), source, image);
  let offset = 0;
  const parameters = [...trained, ...carried].map((spec) => {
    const placed = { ...spec, offset };
    offset += spec.length;
    return placed;
  });
  return { parameters, length: offset, trainedLength: trained.reduce((sum, { length }) => sum + length, 0) };
}
