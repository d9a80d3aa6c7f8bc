import { dataTypeName } from "./data-type.ts";
import { decodeModel, type ModelWithGraph, type ValueInfoProto } from "./model-proto.ts";

/** A graph input or output as the file declares it; a string or "?" in `dims` is a free axis. */
export interface TensorDescription {
  readonly name: string;
  readonly dataType: string;
  readonly dims: readonly (number | string)[];
}

export interface ModelDescription {
  readonly inputs: readonly TensorDescription[];
  readonly outputs: readonly TensorDescription[];
  readonly nodes: number;
  readonly initializers: number;
  /** Operator set versions by domain; "" is the standard one. */
  readonly opsets: Readonly<Record<string, number>>;
  readonly producer: string;
  readonly metadata: Readonly<Record<string, string>>;
}

/**
 * What a model file takes and gives, without loading it into a runtime.
 * @throws RefineError `model-manifest` when the bytes are no ONNX model.
 */
export function inspectModel(bytes: Uint8Array, origin?: string): ModelDescription {
  return describeModel(decodeModel(bytes, origin));
}

export function describeModel(model: ModelWithGraph): ModelDescription {
  const { graph } = model;
  // Old exporters list initialisers among the inputs; they are not fed.
  const constants = new Set((graph.initializer ?? []).map((tensor) => tensor.name));
  return {
    inputs: (graph.input ?? []).filter((input) => !constants.has(input.name)).map(describeTensor),
    outputs: (graph.output ?? []).map(describeTensor),
    nodes: graph.node?.length ?? 0,
    initializers: graph.initializer?.length ?? 0,
    opsets: Object.fromEntries((model.opsetImport ?? []).map((set) => [set.domain ?? "", Number(set.version)])),
    producer: model.producerName ?? "",
    metadata: Object.fromEntries((model.metadataProps ?? []).map((entry) => [entry.key ?? "", entry.value ?? ""])),
  };
}

function describeTensor(value: ValueInfoProto): TensorDescription {
  const tensor = value.type?.tensorType;
  return {
    name: value.name ?? "",
    dataType: dataTypeName(tensor?.elemType ?? 0),
    // A decoded dimension carries 0 for an absent dim_value, and no real axis has 0 elements.
    dims: (tensor?.shape?.dim ?? []).map((dim) => dim.dimParam || Number(dim.dimValue ?? 0) || "?"),
  };
}
