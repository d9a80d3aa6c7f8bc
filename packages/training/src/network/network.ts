import { elementCount, Graph, type Shape, type Tensor } from "../graph/graph.ts";

/** How a parameter starts. Fan-in is the number of inputs that one output element sums over. */
export type Initialiser =
  | { readonly kind: "constant"; readonly value: number }
  | { readonly kind: "normal"; readonly standardDeviation: number };

/** Hands the network its parameters: declares them, slices them from a vector, or writes them as constants. */
export type ParameterSource = (name: string, shape: Shape, initialiser: Initialiser) => Tensor;

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
  /** [N, inputChannels, rows, columns] → logits [N, outputChannels, rows, columns] */
  apply(graph: Graph, parameters: ParameterSource, image: Tensor): Tensor;
}

export interface ParameterSpec {
  readonly name: string;
  readonly shape: Shape;
  readonly initialiser: Initialiser;
  /** Position of the first element in the flat vector. */
  readonly offset: number;
  readonly length: number;
}

/** The parameters of one or several networks, end to end in one vector. */
export interface ParameterLayout {
  readonly parameters: readonly ParameterSpec[];
  readonly length: number;
}

/** Lists a network's parameters in the order of their use, by building it once on a graph that is thrown away. */
export function parameterLayout(network: Network): ParameterLayout {
  const parameters: ParameterSpec[] = [];
  let offset = 0;
  const declare: ParameterSource = (name, shape, initialiser) => {
    const length = elementCount(shape);
    parameters.push({ name, shape, initialiser, offset, length });
    offset += length;
    return { name, shape };
  };
  const image = { name: "image", shape: [1, network.inputChannels, network.divisor, network.divisor] };
  network.apply(new Graph(), declare, image);
  return { parameters, length: offset };
}
