import { dataTypeCode, type OnnxDataType } from "./data-type.ts";
import {
  type AttributeProto,
  encodeModel,
  type GraphProto,
  type NodeProto,
  type TensorProto,
  type ValueInfoProto,
} from "./model-proto.ts";

/** A constant. `bool` takes one byte per element (0 or 1). `data.length` must equal the product of `dims`. */
export type TensorValue = { readonly name: string; readonly dims: readonly number[] } & (
  | { readonly dataType: "float32"; readonly data: Float32Array }
  | { readonly dataType: "int64"; readonly data: BigInt64Array }
  | { readonly dataType: "int32"; readonly data: Int32Array }
  | { readonly dataType: "bool" | "uint8"; readonly data: Uint8Array }
);

/** A graph input or output. A string names a free axis. */
export interface TensorSpec {
  readonly name: string;
  readonly dataType: OnnxDataType;
  readonly dims: readonly (number | string)[];
}

/** One attribute, tagged by kind, since 1 and 1.0 are the same number here but not in ONNX. */
export type AttributeValue =
  | { readonly int: number }
  | { readonly ints: readonly number[] }
  | { readonly float: number }
  | { readonly floats: readonly number[] }
  | { readonly string: string }
  | { readonly tensor: TensorValue }
  | { readonly graph: GraphProto };

export interface NodeSpec {
  readonly op: string;
  /** "" leaves an optional input out. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes?: Readonly<Record<string, AttributeValue>>;
  /** Default "", the standard operators; "com.microsoft" for onnxruntime's own. */
  readonly domain?: string;
  readonly name?: string;
}

export interface ModelSpec {
  readonly nodes: readonly NodeSpec[];
  readonly inputs: readonly TensorSpec[];
  readonly outputs: readonly TensorSpec[];
  readonly initializers?: readonly TensorValue[];
  /** Version of the standard operators, e.g. 18. `com.microsoft` 1 is imported when a node uses it. */
  readonly opset: number;
  /** Written as `metadata_props`. */
  readonly metadata?: Readonly<Record<string, string>>;
  readonly graphName?: string;
}

/** IR 9 holds every operator set up to 20 and is read by all runtimes that this project names. */
const irVersion = 9;

/**
 * Writes a graph as an ONNX file. The order of `nodes` must be topological, as onnxruntime demands.
 * @throws RangeError when a constant's data do not fill its dims or an initialiser shares a name with an input: both are
 * mistakes of the emitting code, which onnxruntime would report much later and less clearly.
 */
export function buildModel(spec: ModelSpec): Uint8Array<ArrayBuffer> {
  const inputNames = new Set(spec.inputs.map((input) => input.name));
  for (const { name } of spec.initializers ?? []) {
    if (inputNames.has(name)) throw new RangeError(`"${name}" is both a graph input and an initialiser.`);
  }
  const usesMicrosoft = spec.nodes.some((node) => node.domain === "com.microsoft");
  return encodeModel({
    irVersion,
    producerName: "samrefine",
    opsetImport: [
      { domain: "", version: spec.opset },
      ...(usesMicrosoft ? [{ domain: "com.microsoft", version: 1 }] : []),
    ],
    metadataProps: Object.entries(spec.metadata ?? {}).map(([key, value]) => ({ key, value })),
    graph: {
      name: spec.graphName ?? "graph",
      node: spec.nodes.map(nodeProto),
      initializer: (spec.initializers ?? []).map(tensorProto),
      input: spec.inputs.map(valueInfoProto),
      output: spec.outputs.map(valueInfoProto),
    },
  });
}

export function nodeProto(node: NodeSpec, index: number): NodeProto {
  return {
    name: node.name ?? `${node.op}_${index}`,
    opType: node.op,
    domain: node.domain ?? "",
    input: [...node.inputs],
    output: [...node.outputs],
    attribute: Object.entries(node.attributes ?? {}).map(([name, value]) => attributeProto(name, value)),
  };
}

// AttributeProto.AttributeType of onnx.proto3.
const attributeType = { float: 1, int: 2, string: 3, tensor: 4, graph: 5, floats: 6, ints: 7 } as const;

function attributeProto(name: string, value: AttributeValue): AttributeProto {
  if ("int" in value) return { name, type: attributeType.int, i: value.int };
  if ("ints" in value) return { name, type: attributeType.ints, ints: [...value.ints] };
  if ("float" in value) return { name, type: attributeType.float, f: value.float };
  if ("floats" in value) return { name, type: attributeType.floats, floats: [...value.floats] };
  if ("string" in value) return { name, type: attributeType.string, s: new TextEncoder().encode(value.string) };
  if ("graph" in value) return { name, type: attributeType.graph, g: value.graph };
  return { name, type: attributeType.tensor, t: tensorProto(value.tensor) };
}

export function tensorProto(tensor: TensorValue): TensorProto {
  const elements = tensor.dims.reduce((product, dim) => product * dim, 1);
  if (elements !== tensor.data.length) {
    throw new RangeError(
      `Constant "${tensor.name}" has dims [${tensor.dims.join(", ")}], i.e. ${elements} elements, but ${tensor.data.length} values.`,
    );
  }
  return {
    name: tensor.name,
    dataType: dataTypeCode(tensor.dataType),
    dims: [...tensor.dims],
    // raw_data is little-endian, as are all platforms that JavaScript engines ship for.
    rawData: new Uint8Array(tensor.data.buffer, tensor.data.byteOffset, tensor.data.byteLength),
  };
}

function valueInfoProto(spec: TensorSpec): ValueInfoProto {
  return {
    name: spec.name,
    type: {
      tensorType: {
        elemType: dataTypeCode(spec.dataType),
        shape: { dim: spec.dims.map((dim) => (typeof dim === "string" ? { dimParam: dim } : { dimValue: dim })) },
      },
    },
  };
}
