import { isRefineError } from "@samrefine/core";
import { readPart10, sourceFrameOf, sourceInstanceOf, writePart10 } from "@samrefine/dicom";
import { expect, test } from "vitest";
import { ctSlice } from "../testing/dicom-slices.ts";
import { imageOfInstance } from "./read-instance-image.ts";

async function read(attributes: Readonly<Record<string, unknown>>, frameNumber?: number) {
  const dataset = { ...ctSlice({ index: 0, pixels: Int16Array.of(0, 1, 2, 3, 4, 5) }), ...attributes };
  const file = readPart10(writePart10(dataset));
  const source = frameNumber === undefined ? sourceInstanceOf(file.dataset) : sourceFrameOf(file.dataset, frameNumber);
  return (await imageOfInstance(file, source)).data;
}

test("signed values are rescaled to modality units", async () => {
  expect([
    ...(await read({ PixelData: Int16Array.of(-5, 0, 1, 2, 3, 100), RescaleSlope: 2, RescaleIntercept: -10 })),
  ]).toEqual([-20, -10, -8, -6, -4, 190]);
});

test("padding becomes the smallest real value", async () => {
  const attributes = { PixelData: Int16Array.of(-2000, 7, 8, 9, -2000, 10), PixelPaddingValue: -2000 };
  expect([...(await read(attributes))]).toEqual([7, 7, 8, 9, 7, 10]);
});

test("MONOCHROME1 is turned round within its stored range, padding stays dark", async () => {
  const unsigned = {
    PhotometricInterpretation: "MONOCHROME1",
    PixelRepresentation: 0,
    BitsStored: 10,
    HighBit: 9,
    RescaleIntercept: 0,
    PixelPaddingValue: 1023,
    PixelData: Uint16Array.of(0, 1, 500, 1000, 1023, 1023),
  };
  expect([...(await read(unsigned))]).toEqual([1023, 1022, 523, 23, 23, 23]);
});

test("bits above Bits Stored do not count", async () => {
  const attributes = {
    PixelRepresentation: 0,
    BitsStored: 12,
    HighBit: 11,
    RescaleIntercept: 0,
    PixelData: Uint16Array.of(0xf001, 2, 3, 4, 5, 0xf0ff),
  };
  expect([...(await read(attributes))]).toEqual([1, 2, 3, 4, 5, 255]);
});

test("plain 8-bit images stay 8-bit", async () => {
  const attributes = {
    PixelRepresentation: 0,
    BitsAllocated: 8,
    BitsStored: 8,
    HighBit: 7,
    RescaleIntercept: 0,
    PixelData: Uint8Array.of(0, 50, 100, 150, 200, 255),
  };
  expect(await read(attributes)).toEqual(Uint8Array.of(0, 50, 100, 150, 200, 255));
});

test.each([
  ["too few pixels", { PixelData: Int16Array.of(1, 2) }, /need 12 bytes, 4 are there/],
  ["four samples", { SamplesPerPixel: 4, PhotometricInterpretation: "ARGB" }, /4 samples/],
  ["palette", { PhotometricInterpretation: "PALETTE COLOR" }, /palette/],
])("refuses: %s", async (_, attributes, message) => {
  const failure: unknown = await read(attributes).catch((error: unknown) => error);
  expect(isRefineError(failure, "unsupported-dicom")).toBe(true);
  expect((failure as Error).message).toMatch(message);
});

const eightBit = { PixelRepresentation: 0, BitsAllocated: 8, BitsStored: 8, HighBit: 7, Rows: 1, Columns: 2 };

test.each([
  [
    "RGB by pixel",
    { PhotometricInterpretation: "RGB", PlanarConfiguration: 0 },
    [255, 0, 0, 0, 255, 0],
    [76.245, 149.685],
  ],
  [
    "RGB by plane",
    { PhotometricInterpretation: "RGB", PlanarConfiguration: 1 },
    [255, 0, 0, 255, 0, 0],
    [76.245, 149.685],
  ],
  ["YBR_FULL", { PhotometricInterpretation: "YBR_FULL", PlanarConfiguration: 0 }, [10, 128, 128, 20, 1, 2], [10, 20]],
])("colour is reduced to its luminance: %s", async (_, attributes, pixels, expected) => {
  const found = await read({ ...eightBit, SamplesPerPixel: 3, ...attributes, PixelData: Uint8Array.from(pixels) });
  found.forEach((value, n) => {
    expect(value).toBeCloseTo(expected[n]!, 3);
  });
  expect(found).toHaveLength(2);
});

test("a frame of a multi-frame file has its own rescaling", async () => {
  const frames = [1, 2].map((intercept) => ({
    PixelValueTransformationSequence: [{ RescaleSlope: 1, RescaleIntercept: 100 * intercept }],
  }));
  const attributes = {
    RescaleSlope: undefined,
    RescaleIntercept: undefined,
    NumberOfFrames: 2,
    PerFrameFunctionalGroupsSequence: frames,
    PixelData: Int16Array.of(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11),
  };
  expect([...(await read(attributes, 1))]).toEqual([100, 101, 102, 103, 104, 105]);
  expect([...(await read(attributes, 2))]).toEqual([206, 207, 208, 209, 210, 211]);
});
