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
    const stream = random.fork(name);
    for (let index = 0; index < length; index++) part[index] = stream.normal() * initialiser.standardDeviation;
  }
  return values;
}

/** The parameters as slices of a flat vector of the graph, each sliced once. Returns the source and the tensors by name. */
export function parametersFromVector(
  graph: Graph,
  layout: ParameterLayout,
  vector: Tensor,
): { readonly source: ParameterSource; readonly byName: ReadonlyMap<string, Tensor> } {
  // One Slice each: a single Split with as many outputs as there are parameters exceeds what WebGPU binds at once.
  const byName = new Map(
    layout.parameters.map(({ name, shape, offset, length }) => [
      name,
      graph.track(reshape(graph, slice(graph, vector, [offset], [offset + length], [0]), shape)),
    ]),
  );
  return { source: (name) => required(byName, name), byName };
}

/** The parameters as constants of the graph, for an exported model. */
export function parametersAsConstants(graph: Graph, layout: ParameterLayout, values: Float32Array): ParameterSource {
  if (values.length !== layout.length) {
    throw new RefineError(
      "shape-mismatch",
      `The network has ${layout.length} parameters; found ${values.length} values.`,
    );
  }
  const byName = new Map(
    layout.parameters.map(({ name, shape, offset, length }) => [
      name,
      graph.constant(values.slice(offset, offset + length), shape, `parameter:${name}`),
    ]),
  );
  return (name) => required(byName, name);
}

/** Gradients in the order of the layout, as one flat vector; zeros for parameters that the loss does not depend on. */
export function flattenGradients(
  graph: Graph,
  layout: ParameterLayout,
  parameters: ReadonlyMap<string, Tensor>,
  gradients: ReadonlyMap<string, Tensor>,
): Tensor {
  const parts = layout.parameters.map(({ name, length }) => {
    const gradient = gradients.get(required(parameters, name).name);
    return gradient ? reshape(graph, gradient, [length]) : graph.constant(new Float32Array(length), [length]);
  });
  return concatenate(graph, parts, 0);
}

function required(tensors: ReadonlyMap<string, Tensor>, name: string): Tensor {
  const tensor = tensors.get(name);
  if (!tensor)
    throw new RefineError("training", `The network asks for the parameter "${name}", which its layout lacks.`);
  return tensor;
}
