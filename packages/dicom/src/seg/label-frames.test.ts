import { isRefineError } from "@samrefine/core";
import fc from "fast-check";
import { expect, test } from "vitest";
import { readPart10, writePart10 } from "../part10.ts";
import { ctImage, drawnSegment } from "../testing/small-series.ts";
import { thrownBy } from "../testing/thrown-by.ts";
import { paintFrame } from "./bit-packing.ts";
import { decodeSeg } from "./decode.ts";
import { encodeSeg } from "./encode.ts";
import { endOfRun, masksOfLabels, packLabels, setBits, wordsOf } from "./label-frames.ts";
import { matchToSeries } from "./match.ts";
import type { SegKind, SegRequest } from "./types.ts";
import { verifySeg } from "./verify.ts";

const [ROWS, COLUMNS] = [7, 9];

function request(
  slices: readonly (Uint8Array | Uint16Array | undefined)[],
  kind: SegKind,
  numbers: readonly number[],
): SegRequest {
  return {
    kind,
    sources: slices.map((_, k) => ctImage(k, { Rows: ROWS, Columns: COLUMNS })),
    segments: numbers.map(drawnSegment),
    masks: masksOfLabels((index) => slices[index]),
    seriesDescription: "Labels",
    seriesNumber: 1,
    created: new Date(2026, 1, 1),
    sopInstanceUid: "1.2.8",
    seriesInstanceUid: "1.2.9",
  };
}

/** Runs, as labels have them, rather than noise. */
const slice = (values: readonly number[]): fc.Arbitrary<number[]> =>
  fc
    .array(fc.tuple(fc.constantFrom(...values), fc.integer({ min: 1, max: 25 })), { minLength: 1, maxLength: 30 })
    .map((runs) => runs.flatMap(([value, length]) => new Array<number>(length).fill(value)).slice(0, ROWS * COLUMNS))
    .map((labels) => [...labels, ...new Array<number>(ROWS * COLUMNS - labels.length).fill(0)]);

test("a label map gives the same frames as its masks one by one, and its labels back", () => {
  const bytes = fc.constantFrom("BINARY" as const, "LABELMAP" as const);
  fc.assert(
    fc.property(
      bytes,
      fc.boolean(),
      fc.array(slice([0, 0, 1, 2, 3]), { minLength: 1, maxLength: 4 }),
      (kind, wide, drawn) => {
        fc.pre(drawn.some((labels) => labels.some((value) => value > 0)));
        const slices = drawn.map((labels) => (wide ? Uint16Array.from(labels) : Uint8Array.from(labels)));
        const byLabels = request(slices, kind, [1, 2, 3]);
        const { masks } = byLabels;
        const byMasks = { ...byLabels, masks: (segment: number, index: number) => masks(segment, index) };
        const encoded = encodeSeg(byLabels);
        expect(verifySeg(encoded.bytes, byLabels).frames).toBe(encoded.frameCount);
        expect(verifySeg(encoded.bytes, byMasks).frames).toBe(encoded.frameCount);
        const pixels = (file: Uint8Array): unknown => readPart10(file).dataset.PixelData;
        expect(pixels(encoded.bytes)).toEqual(pixels(encodeSeg(byMasks).bytes));
        const match = matchToSeries(decodeSeg(encoded.bytes), byLabels.sources);
        if (match.kind === "refused") throw new Error(JSON.stringify(match.reasons));
        drawn.forEach((labels, index) => {
          const found = match.labels(index);
          expect([...(found ?? new Uint8Array(ROWS * COLUMNS))]).toEqual(labels);
          if (found === undefined) expect(labels.some((value) => value > 0)).toBe(false);
        });
      },
    ),
    { numRuns: 150 },
  );
});

test("labels above 255 live in a LABELMAP of 16 bits", () => {
  const labels = new Uint16Array(ROWS * COLUMNS).fill(700, 5, 20);
  const wide = request([labels, undefined], "LABELMAP", [3, 700]);
  const { bytes } = encodeSeg(wide);
  expect(verifySeg(bytes, wide).frames).toBe(1);
  const match = matchToSeries(decodeSeg(bytes), wide.sources);
  expect(match.kind === "matched" && match.labels(0)).toEqual(labels);
});

test.each([
  ["a label that nobody described", new Uint8Array(ROWS * COLUMNS).fill(9), "BINARY" as const],
  ["such a label in a LABELMAP", new Uint8Array(ROWS * COLUMNS).fill(9), "LABELMAP" as const],
  ["another size", new Uint8Array(5).fill(1), "BINARY" as const],
  ["probabilities", new Uint8Array(ROWS * COLUMNS).fill(1), "FRACTIONAL" as const],
])("refuses %s", (_, labels, kind) => {
  expect(
    isRefineError(
      thrownBy(() => encodeSeg(request([labels], kind, [1]))),
      "seg-encoding",
    ),
  ).toBe(true);
});

test("the self-check of a label map finds a lost, a changed and a doubled pixel, and a moved frame", () => {
  const labels = Uint8Array.from({ length: ROWS * COLUMNS }, (_, i) => (i % 3) as number);
  const asked = request([labels], "BINARY", [1, 2]);
  const { bytes, dataset } = encodeSeg(asked);
  const pixels = readPart10(bytes).dataset.PixelData as Uint8Array;
  for (const bit of [0, 1, 2, ROWS * COLUMNS + 2]) {
    const changed = pixels.slice();
    changed[bit >> 3] = changed[bit >> 3]! ^ (1 << (bit & 7));
    const error = thrownBy(() => verifySeg(writePart10({ ...dataset, PixelData: changed }), asked));
    expect(isRefineError(error, "seg-encoding")).toBe(true);
  }
  const moved = { ...asked, sources: asked.sources.map((source) => ({ ...source, position: [0, 0, 9] as const })) };
  expect(
    isRefineError(
      thrownBy(() => verifySeg(bytes, moved)),
      "seg-encoding",
    ),
  ).toBe(true);
});

test("runs, bits and painted frames agree with the obvious way", () => {
  fc.assert(
    fc.property(slice([0, 1, 2, 255]), fc.nat(3), (drawn, offset) => {
      // Also at addresses that are no multiple of four.
      const labels = new Uint8Array(drawn.length + offset).subarray(offset);
      labels.set(drawn);
      const start = drawn.length >> 2;
      let end = start;
      while (end < drawn.length && drawn[end] === drawn[start]) end++;
      expect(endOfRun(labels, wordsOf(labels), start)).toBe(end);
      for (const [value, bits] of packLabels(labels)) {
        drawn.forEach((label, i) => {
          expect((bits[i >> 3]! >> (i & 7)) & 1).toBe(Number(label === value));
        });
      }
    }),
  );
  fc.assert(
    fc.property(
      // Bytes as masks have them, at any address.
      fc.array(fc.constantFrom(0, 0, 0, 0, 0xff, 0xff, 0x0f, 0x80), { minLength: 90, maxLength: 90 }),
      fc.integer({ min: 1, max: 179 }),
      fc.nat(3),
      fc.nat(3),
      (drawn, pixels, index, offset) => {
        const stream = new Uint8Array(90 + offset).subarray(offset);
        stream.set(drawn);
        const labels = new Uint8Array(pixels);
        const expected = Uint8Array.from({ length: pixels }, (_, i) => {
          const bit = index * pixels + i;
          return ((stream[bit >> 3]! >> (bit & 7)) & 1) * 7;
        });
        expect(paintFrame(stream, index, labels, 7)).toBe(expected.filter(Boolean).length);
        expect(labels).toEqual(expected);
      },
    ),
    { numRuns: 500 },
  );
  const bytes = new Uint8Array(4);
  setBits(bytes, 3, 5);
  setBits(bytes, 9, 31);
  expect([...bytes]).toEqual([0b11000, 0b11111110, 0xff, 0x7f]);
});
