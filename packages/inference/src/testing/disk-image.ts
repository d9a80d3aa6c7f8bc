import type { Image2D } from "@samrefine/core";

/** A bright disk with a soft border on a dark, slightly uneven ground: what any SAM must find. */
export function diskImage(
  columns: number,
  rows: number,
  disk: { readonly x: number; readonly y: number; readonly radius: number },
): Image2D & { readonly truth: Uint8Array } {
  const data = new Uint8Array(columns * rows);
  const truth = new Uint8Array(columns * rows);
  for (let y = 0; y < rows; y++) {
    for (let x = 0; x < columns; x++) {
      const distance = Math.hypot(x - disk.x, y - disk.y) - disk.radius;
      const inside = 1 / (1 + Math.exp(distance));
      data[y * columns + x] = 40 + 20 * Math.sin(x / 50) * Math.cos(y / 70) + 140 * inside;
      truth[y * columns + x] = distance <= 0 ? 1 : 0;
    }
  }
  return { geometry: { columns, rows }, channels: 1, data, truth };
}
