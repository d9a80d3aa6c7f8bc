import { isRefineError } from "@samrefine/core";
import { expect, test } from "vitest";
import { readPart10, writePart10 } from "../part10.ts";
import { readFrame } from "./read-frame.ts";

function image(attributes: Readonly<Record<string, unknown>>): Uint8Array {
  return writePart10({
    SOPClassUID: "1.2.840.10008.5.1.4.1.1.7",
    SOPInstanceUID: "2.25.77",
    Rows: 2,
    Columns: 2,
    SamplesPerPixel: 1,
    PhotometricInterpretation: "MONOCHROME2",
    BitsAllocated: 16,
    BitsStored: 16,
    PixelRepresentation: 0,
    PixelData: new Uint8Array(16),
    ...attributes,
  });
}

test.each([
  ["32-bit samples", { BitsAllocated: 32, BitsStored: 32 }, "1 samples of 32 bits are not read here"],
  ["single bits", { BitsAllocated: 1, BitsStored: 1 }, "1 samples of 1 bits are not read here"],
  ["four samples per pixel", { SamplesPerPixel: 4, BitsAllocated: 8, BitsStored: 8 }, "4 samples of 8 bits"],
  ["more bits stored than allocated", { BitsStored: 20 }, "20 of 16 bits make no image"],
  ["no pixel data", { PixelData: undefined }, "it has no pixel data"],
])("%s are refused by name", async (_, attributes, message) => {
  const error: unknown = await readFrame(readPart10(image(attributes))).catch((e: unknown) => e);
  expect(isRefineError(error, "unsupported-dicom")).toBe(true);
  expect((error as Error).message).toContain("2.25.77");
  expect((error as Error).message).toContain(message);
});
