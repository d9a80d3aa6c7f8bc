import { isRefineError } from "@samrefine/core";
import { readPart10, sourceInstanceOf, writePart10 } from "@samrefine/dicom";
import { expect, test } from "vitest";
import { ctSlice } from "../testing/dicom-slices.ts";
import { imageOfInstance } from "./read-instance-image.ts";

function read(attributes: Readonly<Record<string, unknown>>, transferSyntaxUid?: string) {
  const dataset = { ...ctSlice({ index: 0, pixels: Int16Array.of(0, 1, 2, 3, 4, 5) }), ...attributes };
  const file = readPart10(writePart10(dataset, transferSyntaxUid === undefined ? {} : { transferSyntaxUid }));
  return imageOfInstance(file, sourceInstanceOf(file.dataset)).data;
}

test("signed values are rescaled to modality units", () => {
  expect([...read({ PixelData: Int16Array.of(-5, 0, 1, 2, 3, 100), RescaleSlope: 2, RescaleIntercept: -10 })]).toEqual([
    -20, -10, -8, -6, -4, 190,
  ]);
});

test("padding becomes the smallest real value", () => {
  const attributes = { PixelData: Int16Array.of(-2000, 7, 8, 9, -2000, 10), PixelPaddingValue: -2000 };
  expect([...read(attributes)]).toEqual([7, 7, 8, 9, 7, 10]);
});

test("MONOCHROME1 is turned round within its stored range, padding stays dark", () => {
  const unsigned = {
    PhotometricInterpretation: "MONOCHROME1",
    PixelRepresentation: 0,
    BitsStored: 10,
    HighBit: 9,
    RescaleIntercept: 0,
    PixelPaddingValue: 1023,
    PixelData: Uint16Array.of(0, 1, 500, 1000, 1023, 1023),
  };
  expect([...read(unsigned)]).toEqual([1023, 1022, 523, 23, 23, 23]);
});

test("bits above Bits Stored do not count", () => {
  const attributes = {
    PixelRepresentation: 0,
    BitsStored: 12,
    HighBit: 11,
    RescaleIntercept: 0,
    PixelData: Uint16Array.of(0xf001, 2, 3, 4, 5, 0xf0ff),
  };
  expect([...read(attributes)]).toEqual([1, 2, 3, 4, 5, 255]);
});

test("plain 8-bit images stay 8-bit", () => {
  const attributes = {
    PixelRepresentation: 0,
    BitsAllocated: 8,
    BitsStored: 8,
    HighBit: 7,
    RescaleIntercept: 0,
    PixelData: Uint8Array.of(0, 50, 100, 150, 200, 255),
  };
  expect(read(attributes)).toEqual(Uint8Array.of(0, 50, 100, 150, 200, 255));
});

test.each([
  ["too few pixels", { PixelData: Int16Array.of(1, 2) }, /need 12 bytes, 4 are there/],
  ["colour", { SamplesPerPixel: 3, PhotometricInterpretation: "RGB", PlanarConfiguration: 0 }, /3 samples/],
  ["palette", { PhotometricInterpretation: "PALETTE COLOR" }, /palette/],
])("refuses: %s", (_, attributes, message) => {
  let failure: unknown;
  try {
    read(attributes);
  } catch (error) {
    failure = error;
  }
  expect(isRefineError(failure, "unsupported-dicom")).toBe(true);
  expect((failure as Error).message).toMatch(message);
});
