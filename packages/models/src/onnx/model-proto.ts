import { RefineError } from "@samrefine/core";
import proto from "onnx-proto";

/** The generated codec's plain-object form of an ONNX message. Fields are optional, as protobuf has them. */
export type ModelProto = proto.onnx.IModelProto;
export type GraphProto = proto.onnx.IGraphProto;
export type NodeProto = proto.onnx.INodeProto;
export type TensorProto = proto.onnx.ITensorProto;
export type AttributeProto = proto.onnx.IAttributeProto;
export type ValueInfoProto = proto.onnx.IValueInfoProto;

/** A {@link ModelProto} that is known to hold a graph. */
export type ModelWithGraph = ModelProto & { graph: GraphProto };

/**
 * Decodes an ONNX file. Tensor data are views into `bytes`, which must therefore stay unchanged.
 * @throws RefineError `model-manifest` when the bytes are no ONNX model with a graph.
 */
export function decodeModel(bytes: Uint8Array, origin = "the model"): ModelWithGraph {
  let model: ModelProto;
  try {
    // A Node Buffer would make the codec hand out Buffers, whose slice() does not copy.
    model = proto.onnx.ModelProto.decode(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  } catch (cause) {
    throw notAModel(origin, bytes.length, cause);
  }
  // A stray file can decode by chance: protobuf accepts any run of well-formed fields.
  if (!model.graph?.node?.length) throw notAModel(origin, bytes.length);
  return model as ModelWithGraph;
}

/** The bytes of an .onnx file, in a buffer of their own that may be transferred. */
export function encodeModel(model: ModelProto): Uint8Array<ArrayBuffer> {
  const bytes = proto.onnx.ModelProto.encode(model).finish();
  const { buffer } = bytes;
  const ownsBuffer = buffer instanceof ArrayBuffer && buffer.byteLength === bytes.byteLength;
  // In Node the codec writes small messages into a shared pool.
  return ownsBuffer ? new Uint8Array(buffer) : new Uint8Array(bytes);
}

function notAModel(origin: string, bytes: number, cause?: unknown): RefineError {
  return new RefineError("model-manifest", `${origin} is not an ONNX model (${bytes} bytes read, no graph found).`, {
    hint: "Give the path of an .onnx file; a Git LFS pointer or an HTML error page is a common mistake.",
    details: { origin, bytes },
    ...(cause === undefined ? {} : { cause }),
  });
}
