import { dataTypeCode } from "./data-type.ts";
import { castToFloat, replaceConstants } from "./replace-constants.ts";

export interface QuantisedModel {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Constants that are stored as bytes now, and those that stay (vectors, and what holds no finite values). */
  readonly quantised: number;
  readonly kept: number;
}

/**
 * The same graph with its large float32 weights stored as signed bytes, each row of the first axis with a scale of its own
 * (symmetric, round to nearest): about a quarter of the file. A Cast and a product make floats of them again, which
 * runtimes fold away when they load it, so that speed and memory at work stay what they were. DequantizeLinear would say
 * the same, but onnxruntime keeps it in the graph for kernels that compute with bytes. Whether the rounding matters is for
 * the caller to measure.
 *
 * @throws RefineError `model-manifest` when the bytes are no ONNX model.
 */
export function storeWeightsAsInt8(bytes: Uint8Array, origin?: string): QuantisedModel {
  const { replaced, ...rest } = replaceConstants(
    bytes,
    (values, dims, name) => {
      const rows = dims[0] ?? 1;
      if (dims.length < 2 || !values.every(Number.isFinite)) return undefined;
      const width = values.length / rows;
      const scales = new Float32Array(rows);
      const data = new Int8Array(values.length);
      for (let row = 0; row < rows; row++) {
        const own = values.subarray(row * width, (row + 1) * width);
        const largest = own.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
        const scale = Math.fround(largest / 127);
        scales[row] = scale;
        if (scale > 0) for (let i = 0; i < width; i++) data[row * width + i] = Math.round(own[i]! / scale);
      }
      const [stored, scale, floats] = [`${name}/int8`, `${name}/scale`, `${name}/float`];
      return {
        constants: [
          { name: stored, dataType: dataTypeCode("int8"), dims: [...dims], rawData: new Uint8Array(data.buffer) },
          {
            name: scale,
            dataType: dataTypeCode("float32"),
            dims: dims.map((_, axis) => (axis === 0 ? rows : 1)),
            rawData: new Uint8Array(scales.buffer),
          },
        ],
        nodes: [
          castToFloat(stored, floats),
          { name: `${name}/times-scale`, opType: "Mul", domain: "", input: [floats, scale], output: [name] },
        ],
      };
    },
    origin,
  );
  return { ...rest, quantised: replaced };
}
