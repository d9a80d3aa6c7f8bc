/** Element types by the names of onnxruntime-common, with their TensorProto.DataType codes (onnx.proto3). */
const codeOfDataType = {
  float32: 1,
  uint8: 2,
  int8: 3,
  uint16: 4,
  int16: 5,
  int32: 6,
  int64: 7,
  bool: 9,
  float16: 10,
  float64: 11,
} as const;

export type OnnxDataType = keyof typeof codeOfDataType;

export function dataTypeCode(dataType: OnnxDataType): number {
  return codeOfDataType[dataType];
}

/** The name of a TensorProto.DataType code, or `type-N` for one that this project never reads. */
export function dataTypeName(code: number): OnnxDataType | `type-${number}` {
  for (const [name, value] of Object.entries(codeOfDataType)) if (value === code) return name as OnnxDataType;
  return `type-${code}`;
}
