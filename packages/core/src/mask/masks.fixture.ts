import fc from "fast-check";
import type { Mask } from "./mask.ts";

/** A mask drawn with characters: `#` is foreground, anything else background. All lines have one length. */
export function drawMask(...lines: readonly string[]): Mask {
  const columns = lines[0]?.length ?? 0;
  return {
    geometry: { columns, rows: lines.length },
    data: Uint8Array.from(lines.join(""), (character) => (character === "#" ? 1 : 0)),
  };
}

/** The inverse of {@link drawMask}, with `.` for background: assertions that show what differs. */
export function showMask({ geometry: { columns, rows }, data }: Mask): string[] {
  return Array.from({ length: rows }, (_, row) =>
    Array.from(data.subarray(row * columns, (row + 1) * columns), (value) => (value === 1 ? "#" : ".")).join(""),
  );
}

/** Ones in inclusive rectangles of pixels. */
export function rectangleMask(
  geometry: { readonly columns: number; readonly rows: number },
  ...boxes: readonly { readonly xMin: number; readonly yMin: number; readonly xMax: number; readonly yMax: number }[]
): Mask {
  const data = new Uint8Array(geometry.columns * geometry.rows);
  for (const { xMin, yMin, xMax, yMax } of boxes) {
    for (let y = yMin; y <= yMax; y++) data.fill(1, y * geometry.columns + xMin, y * geometry.columns + xMax + 1);
  }
  return { geometry, data };
}

/** Arbitrary masks of up to `largest` x `largest` pixels. */
export function anyMask(largest = 10): fc.Arbitrary<Mask> {
  return fc
    .tuple(fc.integer({ min: 1, max: largest }), fc.integer({ min: 1, max: largest }))
    .chain(([columns, rows]) =>
      fc
        .array(fc.constantFrom(0, 1), { minLength: columns * rows, maxLength: columns * rows })
        .map((values) => ({ geometry: { columns, rows }, data: Uint8Array.from(values) })),
    );
}
