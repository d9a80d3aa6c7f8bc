import fc from "fast-check";
import { expect, test } from "vitest";
import { pixelToPatient } from "../series/series.ts";
import type { SourceInstance, Vector3 } from "../series/source-instance.ts";
import { ctImage, drawnSegment } from "../testing/small-series.ts";
import { decodeSeg } from "./decode.ts";
import { encodeSeg } from "./encode.ts";
import { matchToSeries } from "./match.ts";
import type { DecodedSeg, SegKind, SegMatch } from "./types.ts";

const [COLUMNS, ROWS, SLICES] = [9, 7, 4];
const [DX, DY, DZ] = [2, 1.5, 3];

function image(k: number, change: Readonly<Record<string, unknown>> = {}): SourceInstance {
  return ctImage(k, {
    Rows: ROWS,
    Columns: COLUMNS,
    PixelSpacing: [DY, DX],
    SliceThickness: DZ,
    ImagePositionPatient: [10, 20, 30 + DZ * k],
    ...change,
  });
}

const sources = Array.from({ length: SLICES }, (_, k) => image(k));
const isSet = (segment: number, x: number, y: number, k: number): boolean =>
  ((x * 7 + y * 3 + k * 5) % 4) + 1 === segment;
const ramp = (x: number, y: number, k: number): number => 0.05 + 0.03 * x + 0.05 * y + 0.09 * k;

function segOf(kind: SegKind): DecodedSeg {
  const { bytes } = encodeSeg({
    kind,
    sources,
    segments: [1, 2].map(drawnSegment),
    masks: (segment, k) => {
      const at = (i: number): number =>
        kind === "FRACTIONAL"
          ? Math.round(ramp(i % COLUMNS, Math.floor(i / COLUMNS), k) * 255) / 255
          : Number(isSet(segment, i % COLUMNS, Math.floor(i / COLUMNS), k));
      const values = Array.from({ length: ROWS * COLUMNS }, (_, i) => at(i));
      return kind === "FRACTIONAL" ? Float32Array.from(values) : Uint8Array.from(values);
    },
    seriesDescription: "Resample",
    seriesNumber: 1,
    created: new Date(2026, 1, 1),
  });
  return decodeSeg(bytes);
}

function matched(seg: DecodedSeg, images: readonly SourceInstance[]): SegMatch {
  const match = matchToSeries(seg, images, { resample: true });
  if (match.kind === "refused") throw new Error(JSON.stringify(match.reasons));
  return match;
}

/** Index in the segmentation's grid of a place in the patient. */
function indexOf([x, y, z]: Vector3): Vector3 {
  return [(x - 10) / DX, (y - 20) / DY, (z - 30) / DZ];
}

test("without being asked, another grid is refused with the difference named; asked, it is handed on", () => {
  const finer = [image(0, { PixelSpacing: [0.75, 1] })];
  const refused = matchToSeries(segOf("BINARY"), finer);
  expect(refused).toMatchObject({ kind: "refused", reasons: [{ code: "other-spacing" }] });
  expect(matched(segOf("BINARY"), finer).differences).toMatchObject([{ code: "other-spacing" }]);
  expect(matched(segOf("BINARY"), sources).differences).toEqual([]);
});

test("another patient and another frame of reference are refused even then", () => {
  for (const change of [{ PatientID: "Q" }, { FrameOfReferenceUID: "1.10" }]) {
    const result = matchToSeries(segOf("BINARY"), [image(0, { ...change, PixelSpacing: [1, 1] })], { resample: true });
    expect(result.kind).toBe("refused");
  }
});

test("masks take the nearest voxel, on planes of any direction", () => {
  const small = fc.double({ min: -0.8, max: 0.8, noNaN: true });
  const seg = { BINARY: segOf("BINARY"), LABELMAP: segOf("LABELMAP") };
  fc.assert(
    fc.property(
      fc.constantFrom("BINARY" as const, "LABELMAP" as const),
      fc.tuple(small, small),
      fc.tuple(fc.double({ min: 0.4, max: 4, noNaN: true }), fc.double({ min: 0.4, max: 4, noNaN: true })),
      fc.tuple(small, small, fc.double({ min: -2, max: 12, noNaN: true })),
      (kind, [a, b], [dx, dy], [px, py, pz]) => {
        const [ca, sa, cb, sb] = [Math.cos(a), Math.sin(a), Math.cos(b), Math.sin(b)];
        const target = image(77, {
          Rows: 11,
          Columns: 12,
          PixelSpacing: [dy, dx],
          ImageOrientationPatient: [cb, 0, -sb, sb * sa, ca, cb * sa],
          ImagePositionPatient: [10 + px * 6, 20 + py * 4, 30 + pz],
        });
        const match = matched(seg[kind], [target]);
        for (const segment of [1, 2]) {
          const mask = match.mask(segment, 0) ?? new Uint8Array(132);
          for (let n = 0; n < mask.length; n++) {
            const at = indexOf(pixelToPatient(target, n % 12, Math.floor(n / 12))!);
            // Exactly between two voxels either is right.
            if (at.some((value) => Math.abs(value - Math.floor(value) - 0.5) < 1e-4)) continue;
            const [x, y, k] = at.map(Math.round) as [number, number, number];
            const isInside = x >= 0 && y >= 0 && k >= 0 && x < COLUMNS && y < ROWS && k < SLICES;
            expect(mask[n]).toBe(Number(isInside && isSet(segment, x, y, k)));
          }
        }
      },
    ),
    { numRuns: 200 },
  );
});

test("probabilities are interpolated linearly: a ramp stays a ramp", () => {
  const target = image(77, { PixelSpacing: [0.5, 0.5], ImagePositionPatient: [11, 21, 34.2], Rows: 16, Columns: 30 });
  const values = matched(segOf("FRACTIONAL"), [target]).probability(1, 0)!;
  for (let n = 0; n < values.length; n++) {
    const [x, y, k] = indexOf(pixelToPatient(target, n % 30, Math.floor(n / 30))!);
    // Stored in 255 steps.
    expect(Math.abs(values[n]! - ramp(x, y, k))).toBeLessThan(0.5 / 255 + 1e-6);
  }
});

test("a coarser series takes the frames that it meets, and an image beyond the segmentation is empty", () => {
  const seg = segOf("BINARY");
  const coarse = Array.from({ length: 2 }, (_, k) =>
    image(k, { ImagePositionPatient: [10, 20, 31 + 6 * k], SliceThickness: 6 }),
  );
  const match = matched(seg, [...coarse, image(9, { ImagePositionPatient: [10, 20, 300] })]);
  expect(match.instancesOf(1)).toEqual([0, 1]);
  expect(match.mask(1, 0)).toEqual(matched(seg, sources).mask(1, 0));
  expect(match.mask(1, 2)).toBeUndefined();
});

test("projections cannot be resampled, and that is said", () => {
  const planeless = image(5, { ImagePositionPatient: undefined, Rows: 3 });
  const result = matchToSeries(segOf("BINARY"), [planeless], { resample: true });
  expect(result).toMatchObject({ kind: "refused", reasons: [{ code: "no-geometry" }] });
});
