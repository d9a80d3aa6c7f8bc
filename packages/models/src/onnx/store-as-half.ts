import { largestHalf, toHalf } from "../half-float.ts";
import { dataTypeCode } from "./data-type.ts";
import { decodeModel, encodeModel, type NodeProto, type TensorProto } from "./model-proto.ts";

/** Smaller constants are not worth a node: axes, scales, the weights of a norm. */
const leastElements = 1024;
const [float32, float16] = [dataTypeCode("float32"), dataTypeCode("float16")];

export interface HalvedModel {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Constants that are stored as halves now, and those that stay because a half cannot hold their values. */
  readonly halved: number;
  readonly kept: number;
}

/**
 * The same graph with its large float32 constants stored as half floats: about half the file. Each gets a Cast back to
 * float32, which runtimes fold away when they load it, so that speed and memory at work stay what they were; the weights
 * are rounded to 11 bits, and whether that matters is for the caller to measure.
 *
 * @throws RefineError `model-manifest` when the bytes are no ONNX model.
 */
export function storeWeightsAsHalf(bytes: Uint8Array, origin?: string): HalvedModel {
  const model = decodeModel(bytes, origin);
  const { graph } = model;
  const casts: NodeProto[] = [];
  const halvedNames = new Set<string>();
  let kept = 0;
  /** The constant under another name, when it is one to be halved; a Cast then gives it its old name back. */
  const halve = (tensor: TensorProto, name: string): { half: TensorProto; cast: NodeProto } | undefined => {
    const values = floatsOf(tensor);
    if (!values || values.length < leastElements) return undefined;
    if (!values.every((value) => Math.abs(value) <= largestHalf)) {
      kept++;
      return undefined;
    }
    halvedNames.add(name);
    const stored = `${name}/half`;
    const halves = toHalf(values);
    const rawData = new Uint8Array(halves.buffer, halves.byteOffset, halves.byteLength);
    return {
      half: { name: stored, dataType: float16, dims: tensor.dims ?? [], rawData },
      cast: {
        name: `${name}/cast`,
        opType: "Cast",
        domain: "",
        input: [stored],
        output: [name],
        // AttributeProto.AttributeType INT of onnx.proto3.
        attribute: [{ name: "to", type: 2, i: float32 }],
      },
    };
  };
  const initializer = (graph.initializer ?? []).map((tensor): TensorProto => {
    const halved = halve(tensor, tensor.name ?? "");
    if (halved) casts.push(halved.cast);
    return halved?.half ?? tensor;
  });
  // Some exporters write weights as Constant nodes.
  const nodes = (graph.node ?? []).filter((node) => {
    const value = node.opType === "Constant" ? node.attribute?.find(({ name }) => name === "value")?.t : undefined;
    const halved = value && halve(value, node.output?.[0] ?? "");
    if (!halved) return true;
    initializer.push(halved.half);
    casts.push(halved.cast);
    return false;
  });
  const halvedModel = encodeModel({
    ...model,
    graph: {
      ...graph,
      node: [...casts, ...nodes],
      initializer,
      // Old exporters list constants among the inputs; what a node makes now must not be one.
      input: (graph.input ?? []).filter((input) => !halvedNames.has(input.name ?? "")),
    },
  });
  return { bytes: halvedModel, halved: halvedNames.size, kept };
}

/** The values of a float32 constant, wherever the exporter put them; undefined for other types and external data. */
function floatsOf({ dataType, rawData, floatData, dataLocation }: TensorProto): Float32Array | undefined {
  if (dataType !== float32 || dataLocation) return undefined;
  // A copy, since the file's bytes need not be aligned.
  if (rawData?.length) return new Float32Array(new Uint8Array(rawData).buffer);
  return floatData?.length ? Float32Array.from(floatData) : undefined;
}
