import { RefineError } from "@samrefine/core";
import type { Tensor } from "../graph/graph.ts";
import { type Network, parameterLayout } from "../network/network.ts";
import { operatorRules } from "./operator-rules.ts";
import { type ImportedModel, type ImportedNode, readModel } from "./read-model.ts";

/**
 * A network out of an ONNX file, to be trained further: its nodes are built anew out of operators that know their gradient,
 * and its float32 constants become the parameters, which start as the file has them. Running statistics of a batch
 * normalisation are carried, constants of rank 0 stay what they are. It takes and gives what the file does: images
 * [N, channels, rows, columns] of the file's grid.
 *
 * @param origin what the bytes are called in messages.
 * @throws RefineError `model-manifest` when the bytes are no ONNX model; `training` naming every operator without a gradient
 * rule, or the attribute of a node that has none, or an image whose size the file leaves open.
 */
export function networkFromModel(bytes: Uint8Array, origin = "the model"): Network {
  const model = readModel(bytes, origin);
  requireRules(model.nodes, origin);
  const [, inputChannels, rows, columns] = model.input.dims;
  if (inputChannels === undefined || rows === undefined || columns === undefined) {
    throw new RefineError("training", `${origin} leaves the size of its image open.`, {
      hint: "Export it with fixed channels, rows and columns.",
    });
  }
  const grid = { rows, columns };
  const draft: Network = {
    id: `imported/${model.title}/nodes=${model.nodes.length}/in=${inputChannels}`,
    inputChannels,
    outputChannels: model.output.dims[1] ?? 1,
    divisor: 1,
    grid,
    apply(graph, parameters, image, perturbation) {
      if (perturbation) {
        throw new RefineError("configuration", "An imported network has no features that a recipe could perturb.", {
          hint: "Use another recipe than unimatch.",
        });
      }
      return rebuild(model, origin, graph, parameters, image);
    },
  };
  const { length } = parameterLayout(draft);
  return { ...draft, id: `${draft.id}/values=${length}` };
}

function requireRules(nodes: readonly ImportedNode[], origin: string): void {
  const missing = nodes.filter(({ operator }) => !operatorRules.has(operator));
  if (missing.length === 0) return;
  const names = [...new Set(missing.map(({ operator }) => operator))];
  throw new RefineError(
    "training",
    `${origin} holds operators without a gradient rule: ${names.join(", ")} (first at the node "${missing[0]!.name}").`,
    {
      hint: `There are rules for ${[...operatorRules.keys()].join(", ")}.`,
      details: { operators: names, node: missing[0]!.name },
    },
  );
}

function rebuild(
  { input, output, nodes, constants }: ImportedModel,
  origin: string,
  graph: Parameters<Network["apply"]>[0],
  parameters: Parameters<Network["apply"]>[1],
  image: Tensor,
): Tensor {
  const values = new Map<string, Tensor>([[input.name, image]]);
  const initialised = (name: string, kind: "trained" | "carried"): Tensor => {
    const known = values.get(name);
    if (known) return known;
    const constant = constants.get(name);
    if (!(constant?.values instanceof Float32Array)) {
      throw new RefineError("training", `${origin} uses "${name}", which is neither computed nor a float constant.`);
    }
    const { shape, values: data } = constant;
    const value =
      shape.length === 0
        ? graph.constant(data, shape)
        : parameters[kind](name, shape, { kind: "values", values: data });
    values.set(name, value);
    return value;
  };
  for (const node of nodes) {
    const name = (position: number): string => node.inputs[position] ?? "";
    const value = operatorRules.get(node.operator)!({
      graph,
      node,
      tensor: (position) => initialised(name(position), "trained"),
      carried: (position) => initialised(name(position), "carried"),
      carry: (position, next) => parameters.carry(name(position), next),
      numbers(position) {
        const constant = constants.get(name(position));
        return constant && [...constant.values];
      },
    });
    values.set(node.outputs[0] ?? "", value);
  }
  return values.get(output.name)!;
}
