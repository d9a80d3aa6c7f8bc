import { dataTypeCode } from "./data-type.ts";
import { decodeModel, encodeModel, type NodeProto, type TensorProto } from "./model-proto.ts";

/** Smaller constants are not worth a node: axes, scales, the weights of a norm. */
const leastElements = 1024;
const float32 = dataTypeCode("float32");

/** A large constant in another form, and the nodes that make the old values of it, the last one under the old name. */
export interface StoredConstant {
  readonly constants: readonly TensorProto[];
  readonly nodes: readonly NodeProto[];
}

export interface ReplacedConstants {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Constants that are stored in the other form now, and those that stay because it cannot hold them. */
  readonly replaced: number;
  readonly kept: number;
}

/**
 * The same graph with its large float32 constants stored in another form, from which nodes in front of the graph make them
 * again; runtimes fold these away when they load it.
 *
 * @param store undefined for values that the form cannot hold.
 * @throws RefineError `model-manifest` when the bytes are no ONNX model.
 */
export function replaceConstants(
  bytes: Uint8Array,
  store: (values: Float32Array, dims: readonly number[], name: string) => StoredConstant | undefined,
  origin?: string,
): ReplacedConstants {
  const model = decodeModel(bytes, origin);
  const { graph } = model;
  const made: NodeProto[] = [];
  const initializer: TensorProto[] = [];
  const replacedNames = new Set<string>();
  let kept = 0;
  const replace = (tensor: TensorProto, name: string): boolean => {
    const values = floatsOf(tensor);
    if (!values || values.length < leastElements) return false;
    const stored = store(values, (tensor.dims ?? []).map(Number), name);
    if (!stored) {
      kept++;
      return false;
    }
    replacedNames.add(name);
    initializer.push(...stored.constants);
    made.push(...stored.nodes);
    return true;
  };
  for (const tensor of graph.initializer ?? []) if (!replace(tensor, tensor.name ?? "")) initializer.push(tensor);
  // Some exporters write weights as Constant nodes.
  const nodes = (graph.node ?? []).filter((node) => {
    const value = node.opType === "Constant" ? node.attribute?.find(({ name }) => name === "value")?.t : undefined;
    return !(value && replace(value, node.output?.[0] ?? ""));
  });
  const replacedModel = encodeModel({
    ...model,
    graph: {
      ...graph,
      node: [...made, ...nodes],
      initializer,
      // Old exporters list constants among the inputs; what a node makes now must not be one.
      input: (graph.input ?? []).filter((input) => !replacedNames.has(input.name ?? "")),
    },
  });
  return { bytes: replacedModel, replaced: replacedNames.size, kept };
}

/** A Cast back to float32. */
export function castToFloat(from: string, to: string): NodeProto {
  return {
    name: `${to}/cast`,
    opType: "Cast",
    domain: "",
    input: [from],
    output: [to],
    // AttributeProto.AttributeType INT of onnx.proto3.
    attribute: [{ name: "to", type: 2, i: float32 }],
  };
}

/** The values of a float32 constant, wherever the exporter put them; undefined for other types and external data. */
function floatsOf({ dataType, rawData, floatData, dataLocation }: TensorProto): Float32Array | undefined {
  if (dataType !== float32 || dataLocation) return undefined;
  // A copy, since the file's bytes need not be aligned.
  if (rawData?.length) return new Float32Array(new Uint8Array(rawData).buffer);
  return floatData?.length ? Float32Array.from(floatData) : undefined;
}
