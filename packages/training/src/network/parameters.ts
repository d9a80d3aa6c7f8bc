import { type Random, RefineError } from "@samrefine/core";
import type { Graph, Tensor } from "../graph/graph.ts";
import { concatenate, reshape, slice } from "../graph/primitives.ts";
import type { ParameterLayout, ParameterSource } from "./network.ts";

/** Initial values as one flat vector. Every parameter draws from a stream of its own, named after it. */
export function initialParameters(layout: ParameterLayout, random: Random): Float32Array {
  const values = new Float32Array(layout.length);
  for (const { name, initialiser, offset, length } of layout.parameters) {
    const part = values.subarray(offset, offset + length);
    if (initialiser.kind === "constant") {
      part.fill(initialiser.value);
      continue;
    }
    if (initialiser.kind === "values") {
      part.set(initialiser.values);
      continue;
    }
    const stream = random.fork(name);
    for (let index = 0; index < length; index++) part[index] = stream.normal() * initialiser.standardDeviation;
  }
  return values;
}

/** A network's values as slices of a flat vector of the graph. */
export interface VectorParameters {
  readonly source: ParameterSource;
  readonly byName: ReadonlyMap<string, Tensor>;
  /** What the carried values become, by name. */
  readonly carried: ReadonlyMap<string, Tensor>;
}

/** Slices every value once; gradients are wanted for the trained ones. */
export function parametersFromVector(graph: Graph, layout: ParameterLayout, vector: Tensor): VectorParameters {
  // One Slice each: a single Split with as many outputs as there are parameters exceeds what WebGPU binds at once.
  const byName = new Map(
    layout.parameters.map(({ name, shape, offset, length }) => [
      name,
      reshape(graph, slice(graph, vector, [offset], [offset + length], [0]), shape),
    ]),
  );
  const carried = new Map<string, Tensor>();
  return {
    source: {
      trained: (name) => graph.track(required(byName, name)),
      carried: (name) => required(byName, name),
      carry: (name, next) => carried.set(name, next),
    },
    byName,
    carried,
  };
}

/** The values as constants of the graph, for an exported model. */
export function parametersAsConstants(graph: Graph, layout: ParameterLayout, values: Float32Array): ParameterSource {
  if (values.length !== layout.length) {
    throw new RefineError("shape-mismatch", `The network has ${layout.length} values; found ${values.length}.`);
  }
  const byName = new Map(
    layout.parameters.map(({ name, shape, offset, length }) => [
      name,
      graph.constant(values.slice(offset, offset + length), shape, `parameter:${name}`),
    ]),
  );
  const get = (name: string): Tensor => required(byName, name);
  return { trained: get, carried: get, carry: () => {} };
}

/** Gradients in the order of the layout, as one flat vector; zeros for values that the loss does not depend on. */
export function flattenGradients(
  graph: Graph,
  layout: ParameterLayout,
  { byName }: VectorParameters,
  gradients: ReadonlyMap<string, Tensor>,
): Tensor {
  const parts = layout.parameters.map(({ name, length }) => {
    const gradient = gradients.get(required(byName, name).name);
    if (gradient) return reshape(graph, gradient, [length]);
    return graph.constant(new Float32Array(length), [length], `zeros${length}`);
  });
  return concatenate(graph, parts, 0);
}

/**
 * Puts the new carried values in their places of a vector of one or several networks: neither optimiser nor average touches
 * them (methods.md 0.3).
 */
export function withCarriedValues(
  graph: Graph,
  vector: Tensor,
  networks: readonly { readonly layout: ParameterLayout; readonly values: VectorParameters }[],
): Tensor {
  if (networks.every(({ layout }) => layout.trainedLength === layout.length)) return vector;
  const parts = networks.flatMap(({ layout: { parameters, trainedLength }, values }) => {
    const start = parameters[0]?.offset ?? 0;
    const trained = slice(graph, vector, [start], [start + trainedLength], [0]);
    const carried = parameters
      .filter(({ offset }) => offset >= start + trainedLength)
      .map(({ name, length }) => reshape(graph, values.carried.get(name) ?? required(values.byName, name), [length]));
    return [trained, ...carried];
  });
  return concatenate(graph, parts, 0);
}

function required(tensors: ReadonlyMap<string, Tensor>, name: string): Tensor {
  const tensor = tensors.get(name);
  if (!tensor) throw new RefineError("training", `The network asks for "${name}", which its layout lacks.`);
  return tensor;
}
