import { describe, expect, test } from "vitest";
import { fillEncoderInput } from "./encoder-input.ts";
import { letterbox } from "./frame.ts";
import { fillMaskInput } from "./mask-input.ts";

const plain = { mean: [0, 0, 0], standardDeviation: [1, 1, 1] } as const;
const displayRange = { lower: -100, upper: 155 };

describe("the encoder's input", () => {
  test("window to 8 bits, standardised per channel, padded with zeros after that", () => {
    const image = {
      geometry: { rows: 2, columns: 4 },
      channels: 1,
      data: Int16Array.of(-200, -100, 0, 0, 55, 155, 900, 27),
    };
    const result = new Float32Array(3 * 16).fill(Number.NaN);
    fillEncoderInput(result, image, displayRange, letterbox(image.geometry, 4), {
      mean: [10, 20, 30],
      standardDeviation: [1, 2, 4],
    });
    const bytes = [0, 0, 100, 100, 155, 255, 255, 127];
    expect([...result.subarray(0, 16)]).toEqual([...bytes.map((v) => v - 10), 0, 0, 0, 0, 0, 0, 0, 0]);
    expect([...result.subarray(16, 24)]).toEqual(bytes.map((v) => (v - 20) / 2));
    expect([...result.subarray(32, 40)]).toEqual(bytes.map((v) => (v - 30) / 4));
  });

  test("colour keeps its channels, NaN is black, and a window without width splits", () => {
    const rgb = { geometry: { rows: 1, columns: 2 }, channels: 3, data: Uint8Array.of(1, 2, 3, 4, 5, 6) };
    const result = new Float32Array(12);
    fillEncoderInput(result, rgb, { lower: 0, upper: 255 }, letterbox(rgb.geometry, 2), plain);
    expect([...result]).toEqual([1, 4, 0, 0, 2, 5, 0, 0, 3, 6, 0, 0]);
    const odd = { geometry: { rows: 1, columns: 3 }, channels: 1, data: Float32Array.of(Number.NaN, 6, 8) };
    const grey = new Float32Array(27);
    fillEncoderInput(grey, odd, { lower: 7, upper: 7 }, letterbox(odd.geometry, 3), plain);
    expect([...grey.subarray(0, 3)]).toEqual([0, 0, 255]);
  });

  test("other channel counts and short data are refused", () => {
    const frame = letterbox({ rows: 1, columns: 2 }, 2);
    const fill = (channels: number, length: number) => () =>
      fillEncoderInput(
        new Float32Array(12),
        { geometry: { rows: 1, columns: 2 }, channels, data: new Uint8Array(length) },
        displayRange,
        frame,
        plain,
      );
    expect(fill(5, 10)).toThrow(expect.objectContaining({ code: "shape-mismatch" }));
    expect(fill(1, 3)).toThrow(expect.objectContaining({ code: "shape-mismatch" }));
  });
});

describe("a mask prompt", () => {
  test("SAM's own logits pass unchanged, those of another size do not", () => {
    const data = Float32Array.from({ length: 16 }, (_, i) => i - 8);
    const frame = letterbox({ columns: 9, rows: 9 }, 16);
    const result = new Float32Array(16);
    fillMaskInput(result, { width: 4, height: 4, data }, frame, 4);
    expect(result).toEqual(data);
    expect(() => fillMaskInput(result, { width: 2, height: 8, data }, frame, 4)).toThrow(
      expect.objectContaining({ code: "shape-mismatch" }),
    );
  });

  test("dense logits take the image's place in the frame, whatever their own grid, and the padding is zero", () => {
    const dense = { geometry: { rows: 3, columns: 3 }, data: new Float32Array(9).fill(-6) };
    const result = new Float32Array(16);
    fillMaskInput(result, dense, letterbox({ columns: 100, rows: 50 }, 16), 4);
    expect([...result]).toEqual([-6, -6, -6, -6, -6, -6, -6, -6, 0, 0, 0, 0, 0, 0, 0, 0]);
  });
});
