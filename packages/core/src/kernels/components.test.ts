import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { labelComponents2D, labelComponents3D, type VolumeSize } from "./components.ts";

/**
 * Flood fill voxel by voxel, seeds in raster order, so that the numbering must agree too.
 * @param reach along how many axes neighbours may differ: 1 = faces, 2 = and edges, 3 = and corners.
 */
function floodFill(mask: Uint8Array, [ni, nj, nk]: VolumeSize, reach: 1 | 2 | 3): { labels: number[]; count: number } {
  const labels = new Array<number>(mask.length).fill(0);
  let count = 0;
  for (let seed = 0; seed < mask.length; seed++) {
    if (mask[seed] === 0 || labels[seed] !== 0) continue;
    count++;
    labels[seed] = count;
    const stack = [seed];
    for (let voxel = stack.pop(); voxel !== undefined; voxel = stack.pop()) {
      const i = voxel % ni;
      const j = Math.floor(voxel / ni) % nj;
      const k = Math.floor(voxel / (ni * nj));
      for (let d = 0; d < 27; d++) {
        const [di, dj, dk] = [(d % 3) - 1, (Math.floor(d / 3) % 3) - 1, Math.floor(d / 9) - 1];
        if (Math.abs(di) + Math.abs(dj) + Math.abs(dk) > reach) continue;
        const [x, y, z] = [i + di, j + dj, k + dk];
        if (x < 0 || y < 0 || z < 0 || x >= ni || y >= nj || z >= nk) continue;
        const next = x + ni * (y + nj * z);
        if (mask[next] === 0 || labels[next] !== 0) continue;
        labels[next] = count;
        stack.push(next);
      }
    }
  }
  return { labels, count };
}

const bits = (length: number) => fc.array(fc.constantFrom(0, 1), { minLength: length, maxLength: length });

describe("labelComponents", () => {
  test("2D equals flood fill", () => {
    const input = fc
      .tuple(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 12 }))
      .chain(([columns, rows]) => fc.tuple(fc.constant({ columns, rows }), bits(columns * rows)));
    fc.assert(
      fc.property(input, fc.constantFrom(4 as const, 8 as const), ([size, values], connectivity) => {
        const mask = Uint8Array.from(values);
        const found = labelComponents2D(mask, size, connectivity);
        const expected = floodFill(mask, [size.columns, size.rows, 1], connectivity === 8 ? 2 : 1);
        expect(found.count).toBe(expected.count);
        expect([...found.labels]).toEqual(expected.labels);
      }),
      { numRuns: 300 },
    );
  });

  test("3D equals flood fill", () => {
    const input = fc
      .tuple(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 5 }))
      .chain((size) => fc.tuple(fc.constant(size as VolumeSize), bits(size[0] * size[1] * size[2])));
    fc.assert(
      fc.property(input, fc.constantFrom(6 as const, 18 as const, 26 as const), ([size, values], connectivity) => {
        const mask = Uint8Array.from(values);
        const found = labelComponents3D(mask, size, connectivity);
        const expected = floodFill(mask, size, connectivity === 6 ? 1 : connectivity === 18 ? 2 : 3);
        expect(found.count).toBe(expected.count);
        expect([...found.labels]).toEqual(expected.labels);
      }),
      { numRuns: 300 },
    );
  });

  test("edges and corners: 6, 18 and 26 neighbours tell them apart", () => {
    // Two voxels that share an edge, and a third that touches the second by a corner.
    const mask = new Uint8Array(27);
    for (const [i, j, k] of [
      [0, 0, 0],
      [1, 0, 1],
      [2, 1, 2],
    ] as const)
      mask[i + 3 * (j + 3 * k)] = 1;
    const counts = ([6, 18, 26] as const).map((connectivity) => labelComponents3D(mask, [3, 3, 3], connectivity).count);
    expect(counts).toEqual([3, 2, 1]);
  });

  test("a spiral is one component however tortuous (the reference splits it)", () => {
    const size = { columns: 61, rows: 61 };
    const mask = new Uint8Array(61 * 61);
    let [x, y, dx, dy, length] = [0, 0, 1, 0, 60];
    mask[0] = 1;
    for (let leg = 0; length > 0; leg++) {
      for (let step = 0; step < length; step++) {
        x += dx;
        y += dy;
        mask[y * 61 + x] = 1;
      }
      [dx, dy] = [-dy, dx];
      if (leg >= 2 && leg % 2 === 0) length -= 2;
    }
    expect(labelComponents2D(mask, size, 4).count).toBe(1);
  });

  test("more components than two bytes can number", () => {
    const size = { columns: 512, rows: 260 };
    const mask = Uint8Array.from({ length: 512 * 260 }, (_, p) => (p % 2 === 0 && (p >> 9) % 2 === 0 ? 1 : 0));
    const { labels, count } = labelComponents2D(mask, size, 4);
    expect(count).toBe(256 * 130);
    expect(labels).toBeInstanceOf(Uint16Array);
    const wider = { columns: 1024, rows: 260 };
    const many = labelComponents2D(
      Uint8Array.from({ length: 1024 * 260 }, (_, p) => (p % 2 === 0 && (p >> 10) % 2 === 0 ? 1 : 0)),
      wider,
      4,
    );
    expect(many.count).toBe(512 * 130);
    expect(many.labels[1024 * 258 + 1022]).toBe(512 * 130);
  });

  test("refuses a mask of another size", () => {
    expect(() => labelComponents3D(new Uint8Array(7), [2, 2, 2], 6)).toThrow(/found 7 voxels, expected 2 x 2 x 2 = 8/);
  });
});
