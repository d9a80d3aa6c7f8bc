import { RefineError } from "@samrefine/core";
import { fromHalf } from "@samrefine/models";
import { type AttributeProto, decodeModel, type NodeProto, type TensorProto } from "@samrefine/models/onnx";
import type { Shape } from "../graph/graph.ts";

/** A constant of the file. Numbers of any type are read; only float32 ones can be parameters. */
export interface ImportedConstant {
  readonly shape: Shape;
  readonly values: Float32Array | readonly number[];
}

/** One node of the file with typed access to its attributes. */
export class ImportedNode {
  readonly operator: string;
  /** For messages. */
  readonly name: string;
  /** "" is an optional input left out. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly #attributes: ReadonlyMap<string, AttributeProto>;

  constructor(proto: NodeProto) {
    this.operator = proto.domain ? `${proto.domain}.${proto.opType}` : (proto.opType ?? "");
    this.inputs = proto.input ?? [];
    this.outputs = proto.output ?? [];
    this.name = proto.name || (this.outputs[0] ?? "");
    this.#attributes = new Map((proto.attribute ?? []).map((attribute) => [attribute.name ?? "", attribute]));
  }

  integer(name: string, fallback: number): number {
    const value = this.#attributes.get(name)?.i;
    return value === undefined || value === null ? fallback : Number(value);
  }

  integers(name: string, fallback: readonly number[]): readonly number[] {
    return this.#attributes.get(name)?.ints?.map(Number) ?? fallback;
  }

  float(name: string, fallback: number): number {
    return this.#attributes.get(name)?.f ?? fallback;
  }

  text(name: string, fallback: string): string {
    const value = this.#attributes.get(name)?.s;
    return value?.length ? new TextDecoder().decode(value) : fallback;
  }

  tensor(name: string): TensorProto | undefined {
    return this.#attributes.get(name)?.t ?? undefined;
  }
}

/** What of a file takes part in one output: nodes in topological order, constants by name. */
export interface ImportedModel {
  readonly title: string;
  readonly input: { readonly name: string; readonly dims: readonly (number | undefined)[] };
  readonly output: { readonly name: string; readonly dims: readonly (number | undefined)[] };
  readonly nodes: readonly ImportedNode[];
  readonly constants: ReadonlyMap<string, ImportedConstant>;
}

/**
 * Reads an ONNX file with one image input and takes its first output.
 * @throws RefineError `model-manifest` when the bytes are no ONNX model, `training` when it has several inputs or a constant
 * of a type that is not read.
 */
export function readModel(bytes: Uint8Array, origin: string): ImportedModel {
  const { graph } = decodeModel(bytes, origin);
  const constants = new Map<string, ImportedConstant>();
  for (const tensor of graph.initializer ?? []) constants.set(tensor.name ?? "", readConstant(tensor, origin));
  const inputs = (graph.input ?? []).filter(({ name }) => !constants.has(name ?? ""));
  const [input] = inputs;
  const [output] = graph.output ?? [];
  if (inputs.length !== 1 || !input || !output) {
    throw new RefineError(
      "training",
      `${origin} has ${inputs.length} inputs; a network that is trained has one image.`,
      {
        details: { inputs: inputs.map(({ name }) => name ?? "") },
      },
    );
  }
  const nodes: ImportedNode[] = [];
  for (const proto of graph.node ?? []) {
    const node = new ImportedNode(proto);
    const value = node.operator === "Constant" ? node.tensor("value") : undefined;
    // Weights that are stored as halves are turned back by a Cast, which does nothing to a constant that is read.
    const source = node.operator === "Cast" ? constants.get(node.inputs[0] ?? "") : undefined;
    if (value) constants.set(node.outputs[0] ?? "", readConstant(value, origin));
    else if (source) constants.set(node.outputs[0] ?? "", source);
    else nodes.push(node);
  }
  return {
    title: graph.name || "graph",
    input: { name: input.name ?? "", dims: extents(input) },
    output: { name: output.name ?? "", dims: extents(output) },
    nodes: neededFor(output.name ?? "", nodes),
    constants,
  };
}

function neededFor(output: string, nodes: readonly ImportedNode[]): readonly ImportedNode[] {
  const wanted = new Set([output]);
  const needed: ImportedNode[] = [];
  for (const node of nodes.toReversed()) {
    if (!node.outputs.some((name) => wanted.has(name))) continue;
    needed.unshift(node);
    for (const name of node.inputs) wanted.add(name);
  }
  return needed;
}

function extents(value: NonNullable<ReturnType<typeof decodeModel>["graph"]["input"]>[number]) {
  return (value.type?.tensorType?.shape?.dim ?? []).map((dim) => Number(dim.dimValue ?? 0) || undefined);
}

/** Codes of TensorProto.DataType. */
const [FLOAT, INT32, INT64, FLOAT16] = [1, 6, 7, 10];

function readConstant(tensor: TensorProto, origin: string): ImportedConstant {
  const shape = (tensor.dims ?? []).map(Number);
  const raw = tensor.rawData?.length ? new Uint8Array(tensor.rawData) : undefined;
  switch (tensor.dataType) {
    case FLOAT:
      return { shape, values: raw ? new Float32Array(raw.buffer) : Float32Array.from(tensor.floatData ?? []) };
    case FLOAT16:
      if (raw) return { shape, values: fromHalf(new Uint16Array(raw.buffer)) };
      break;
    case INT64:
      return {
        shape,
        values: raw ? Array.from(new BigInt64Array(raw.buffer), Number) : (tensor.int64Data ?? []).map(Number),
      };
    case INT32:
      return { shape, values: raw ? Array.from(new Int32Array(raw.buffer)) : (tensor.int32Data ?? []) };
  }
  throw new RefineError("training", `${origin}: the constant "${tensor.name}" has data type ${tensor.dataType}.`, {
    hint: "Constants of float32, float16, int32 and int64 are read.",
  });
}
