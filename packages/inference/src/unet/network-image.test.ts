import { type Image2D, neighbouringSlices, networkInput } from "@samrefine/core";
import type { SegmentationManifest } from "@samrefine/models";
import fc from "fast-check";
import { expect, it } from "vitest";
import { networkGrid } from "./network-grid.ts";
import { networkImage } from "./network-image.ts";

const size = fc.integer({ min: 1, max: 9 });
const spacing = fc.integer({ min: 1, max: 40 }).map((tenths) => tenths / 10);

it("is what the slices stacked at full size become, bit for bit, on every kind of grid", () => {
  fc.assert(
    fc.property(
      fc.record({ rows: size, columns: size, networkRows: size, networkColumns: size, x: spacing, y: spacing }),
      fc.constantFrom(1, 3, 5),
      fc.constantFrom("own grid", "spacing", "pixels"),
      fc.array(fc.integer({ min: -2000, max: 3000 }), { minLength: 405, maxLength: 405 }),
      ({ rows, columns, networkRows, networkColumns, x, y }, channels, kind, values) => {
        const geometry = { rows, columns, spacingMm: { x, y } };
        const slices = Array.from({ length: channels }, (_, index): Image2D => {
          const data = Int16Array.from(values.slice(index * 81, index * 81 + rows * columns));
          return { geometry, channels: 1, data };
        });
        const manifest = {
          id: "net",
          input: { rows: networkRows, columns: networkColumns, channels },
          ...(kind === "spacing" ? { spacingMm: { x: 1.5, y: 0.8 } } : {}),
          ...(kind === "pixels" ? { tiling: {} } : {}),
        } as unknown as SegmentationManifest;
        const intensity = { lower: -160, upper: 240, subtract: 40, multiply: 1 / 200 };

        const stacked = neighbouringSlices(slices, channels >> 1, channels);
        const expected = networkInput(stacked, intensity, networkGrid(geometry, manifest));
        const ready = networkImage(slices, manifest, intensity);
        const found = networkInput(ready.image, ready.intensity, networkGrid(ready.image.geometry, manifest));
        expect(found).toEqual(expected);
      },
    ),
  );
});

it("names what does not fit", () => {
  const manifest = { id: "net", input: { rows: 2, columns: 2, channels: 3 } } as unknown as SegmentationManifest;
  const intensity = { lower: 0, upper: 1, subtract: 0, multiply: 1 };
  const slice = (columns: number): Image2D => ({
    geometry: { rows: 1, columns },
    channels: 1,
    data: new Float32Array(columns),
  });
  expect(() => networkImage([slice(2)], manifest, intensity)).toThrow("takes 3 slice(s) at a time; found 1");
  expect(() => networkImage([slice(2), slice(2), slice(3)], manifest, intensity)).toThrow("Slice 2 is not");
});
