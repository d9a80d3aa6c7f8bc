import { isRefineError } from "@samrefine/core";
import fc from "fast-check";
import { expect, test } from "vitest";
import { thrownBy } from "../testing/thrown-by.ts";
import { rgbFromPalette } from "./palette.ts";
import { writtenOutTable } from "./segmented-table.ts";

// Expected values as pydicom 3.0 expands the same segments.
test("16-bit entries: runs, straight lines, and segments that are used again", () => {
  const data = Uint16Array.of(0, 3, 10, 20, 1000, 1, 4, 200, 0, 2, 7, 65535, 1, 3, 0, 2, 2, 0, 0);
  const expected = [
    ...[10, 20, 1000, 800, 600, 400, 200, 7, 65535, 43690, 21845, 0],
    ...[10, 20, 1000, 800, 600, 400, 200],
  ];
  expect([...(writtenOutTable({ data, length: expected.length }) ?? [])]).toEqual(expected);
});

test("8-bit entries, with a byte of padding behind them", () => {
  const data = Uint8Array.of(0, 2, 5, 9, 1, 5, 250, 2, 1, 4, 0, 0, 0, 0);
  const expected = [5, 9, 57, 105, 154, 202, 250, 250, 250, 250, 250, 250];
  expect([...(writtenOutTable({ data, length: expected.length }) ?? [])]).toEqual(expected);
});

test("segments that are damaged or make another number of entries are refused", () => {
  for (const [data, length] of [
    [[0, 2, 5], 2], // a run that is cut short
    [[0, 2, 5, 6], 3], // fewer entries than announced
    [[0, 3, 5, 6, 7], 2], // more
    [[1, 2, 9], 2], // a line from nowhere
    [[0, 1, 5, 7, 1, 1], 2], // no such opcode
    [[0, 1, 5, 2, 1, 2, 0], 2], // not at a word's boundary: reads "5, 2" as a segment
    [[0, 1, 5, 2, 1, 6, 0], 2], // refers to itself
    [[0, 1, 5, 2, 1, 60000, 60000], 2], // refers to nowhere
  ] as const) {
    expect(writtenOutTable({ data: Uint16Array.from(data), length }), data.join(" ")).toBeUndefined();
  }
});

test("any words end in a table or in nothing", () => {
  fc.assert(
    fc.property(fc.uint16Array({ max: 6, maxLength: 60 }), fc.nat(70), (data, length) => {
      const table = writtenOutTable({ data, length });
      expect(table === undefined || table.length === length).toBe(true);
    }),
  );
});

test("a palette of segmented tables colours like the same one written out", () => {
  const colours = ["Red", "Green", "Blue"];
  const words = (values: readonly number[]) => new Uint8Array(Uint16Array.from(values).buffer);
  const segmented = Object.fromEntries(
    colours.flatMap((name, colour) => [
      [`${name}PaletteColorLookupTableDescriptor`, [5, 0, 16]],
      [`Segmented${name}PaletteColorLookupTableData`, words([0, 1, colour, 1, 4, 400 + colour])],
    ]),
  );
  expect([...rgbFromPalette(segmented, [0, 1, 4])]).toEqual([0, 1, 2, 100, 101, 102, 400, 401, 402]);
  const damaged = { ...segmented, SegmentedGreenPaletteColorLookupTableData: words([0, 9]) };
  expect(
    isRefineError(
      thrownBy(() => rgbFromPalette(damaged, [0])),
      "unsupported-dicom",
    ),
  ).toBe(true);
});
