import type { NodeSpec, TensorSpec, TensorValue } from "@samrefine/models/onnx";

export const float = (name: string, dims: readonly (number | string)[]): TensorSpec => ({
  name,
  dataType: "float32",
  dims,
});

export const int64 = (name: string, dims: readonly (number | string)[]): TensorSpec => ({
  name,
  dataType: "int64",
  dims,
});

export const constant = (name: string, dims: readonly number[], ...values: readonly number[]): TensorValue => ({
  name,
  dataType: "float32",
  dims,
  data: Float32Array.from(values),
});

/** A list of integers: axes, sizes, places. */
export const integers = (name: string, ...values: readonly number[]): TensorValue => ({
  name,
  dataType: "int64",
  dims: [values.length],
  data: BigInt64Array.from(values.map(BigInt)),
});

export const node = (
  op: string,
  inputs: string[],
  output: string,
  attributes: NodeSpec["attributes"] = {},
): NodeSpec => ({ op, inputs, outputs: [output], attributes });
