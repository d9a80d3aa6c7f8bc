import type { Point } from "../raster/outline.ts";

/** Capital letters as strokes on a grid 4 wide and 6 high, origin at the lower left. */
const LETTERS: Readonly<Record<string, readonly (readonly Point[])[]>> = {
  A: [
    [
      [0, 0],
      [2, 6],
      [4, 0],
    ],
    [
      [0.8, 2.3],
      [3.2, 2.3],
    ],
  ],
  B: [
    [
      [0, 0],
      [0, 6],
      [2.6, 6],
      [3.5, 5.2],
      [3.5, 3.9],
      [2.6, 3.1],
      [0, 3.1],
    ],
    [
      [2.6, 3.1],
      [3.8, 2.2],
      [3.8, 0.9],
      [2.8, 0],
      [0, 0],
    ],
  ],
  K: [
    [
      [0, 0],
      [0, 6],
    ],
    [
      [3.8, 6],
      [0, 2.6],
    ],
    [
      [1.2, 3.7],
      [3.9, 0],
    ],
  ],
  L: [
    [
      [0, 6],
      [0, 0],
      [3.6, 0],
    ],
  ],
  M: [
    [
      [0, 0],
      [0, 6],
      [2, 2.6],
      [4, 6],
      [4, 0],
    ],
  ],
  N: [
    [
      [0, 0],
      [0, 6],
      [3.8, 0],
      [3.8, 6],
    ],
  ],
  R: [
    [
      [0, 0],
      [0, 6],
      [2.7, 6],
      [3.7, 5.2],
      [3.7, 3.8],
      [2.7, 2.9],
      [0, 2.9],
    ],
    [
      [1.9, 2.9],
      [3.9, 0],
    ],
  ],
  T: [
    [
      [0, 6],
      [4, 6],
    ],
    [
      [2, 6],
      [2, 0],
    ],
  ],
};

export const INITIALS = ["A", "B", "K", "M", "N", "T"] as const;

/** Strokes of a text; `place` maps (right, up) in mm from its lower left corner to the wanted frame. */
export function letterStrokes(text: string, heightMm: number, place: (point: Point) => Point): Point[][] {
  const unit = heightMm / 6;
  const strokes: Point[][] = [];
  Array.from(text).forEach((letter, index) => {
    for (const stroke of LETTERS[letter] ?? []) {
      strokes.push(stroke.map(([x, y]) => place([(x + index * 5.6) * unit, y * unit])));
    }
  });
  return strokes;
}
