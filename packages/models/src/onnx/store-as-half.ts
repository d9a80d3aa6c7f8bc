import { largestHalf, toHalf } from "../half-float.ts";
import { dataTypeCode } from "./data-type.ts";
import { castToFloat, replaceConstants } from "./replace-constants.ts";

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
  const dataType = dataTypeCode("float16");
  const { replaced, ...rest } = replaceConstants(
    bytes,
    (values, dims, name) => {
      if (!values.every((value) => Math.abs(value) <= largestHalf)) return undefined;
      const halves = toHalf(values);
      const rawData = new Uint8Array(halves.buffer, halves.byteOffset, halves.byteLength);
      const stored = `${name}/half`;
      return { constants: [{ name: stored, dataType, dims: [...dims], rawData }], nodes: [castToFloat(stored, name)] };
    },
    origin,
  );
  return { ...rest, halved: replaced };
}
