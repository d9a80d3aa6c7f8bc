import { isRefineError } from "@samrefine/core";
import { expect, test } from "vitest";
import { thrownBy } from "../testing/thrown-by.ts";
import { rgbFromPalette } from "./palette.ts";

const colours = ["Red", "Green", "Blue"];
const tables = (descriptor: readonly number[], dataOf: (colour: number) => Uint8Array) =>
  Object.fromEntries(
    colours.flatMap((name, colour) => [
      [`${name}PaletteColorLookupTableDescriptor`, descriptor],
      [`${name}PaletteColorLookupTableData`, dataOf(colour)],
    ]),
  );

test("indices beyond the table take its ends; 16-bit entries are little endian", () => {
  const wide = tables([2, 10, 16], (colour) => Uint8Array.of(colour, 1, colour, 2));
  expect([...rgbFromPalette(wide, [9, 10, 11, 200])]).toEqual([
    ...[256, 257, 258],
    ...[256, 257, 258],
    ...[512, 513, 514],
    ...[512, 513, 514],
  ]);
});

test("8-bit entries may be packed or lie in words", () => {
  const packed = tables([3, 0, 8], (colour) => Uint8Array.of(colour, 10 + colour, 20 + colour, 0));
  const words = tables([3, 0, 8], (colour) => Uint8Array.of(colour, 0, 10 + colour, 0, 20 + colour, 0));
  for (const dataset of [packed, words]) expect([...rgbFromPalette(dataset, [1, 2])]).toEqual([10, 11, 12, 20, 21, 22]);
});

test.each([
  ["missing", {}],
  ["cut short", tables([4, 0, 16], () => new Uint8Array(6))],
])("a table that is %s is refused", (_, dataset) => {
  expect(
    isRefineError(
      thrownBy(() => rgbFromPalette(dataset, [0])),
      "unsupported-dicom",
    ),
  ).toBe(true);
});
