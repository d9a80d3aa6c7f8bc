import type { GridSize, Random } from "@samrefine/core";
import type { AugmentationSpec } from "./augmentation.ts";

/** Where each output pixel is taken from: source x and y in pixels (centres at integers), row-major. */
export interface Warp {
  readonly x: Float32Array;
  readonly y: Float32Array;
}

/**
 * Draws the geometric part of an augmentation as one map, so that an image is resampled once however many changes there are.
 * Returns undefined when there is none.
 */
export function drawWarp(spec: AugmentationSpec, grid: GridSize, random: Random): Warp | undefined {
  const matrix = drawMatrix(spec, grid, random);
  const displacement = spec.elastic ? drawDisplacement(spec.elastic, grid, random) : undefined;
  if (!matrix && !displacement) return undefined;
  const { rows, columns } = grid;
  const [a, b, c, d, e, f] = matrix ?? [1, 0, 0, 0, 1, 0];
  const centerX = (columns - 1) / 2;
  const centerY = (rows - 1) / 2;
  const x = new Float32Array(rows * columns);
  const y = new Float32Array(rows * columns);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const index = row * columns + column;
      const u = column - centerX;
      const v = row - centerY;
      x[index] = a * u + b * v + c + centerX + (displacement ? displacement.x[index]! : 0);
      y[index] = d * u + e * v + f + centerY + (displacement ? displacement.y[index]! : 0);
    }
  }
  return { x, y };
}

type Matrix = readonly [number, number, number, number, number, number];

/** Output to source, in pixels about the centre: x' = a·x + b·y + c, y' = d·x + e·y + f. */
function drawMatrix(spec: AugmentationSpec, { rows, columns }: GridSize, random: Random): Matrix | undefined {
  const { affine = 0, rotationDegrees = 0, scale = 0, flip = "none", rotate90 = false, turnOrRotate } = spec;
  const { stretch = 0, translation = 0 } = spec;
  const amounts = [affine, rotationDegrees, scale, stretch, translation];
  if (amounts.every((amount) => amount === 0) && flip === "none" && !rotate90 && !turnOrRotate) return undefined;
  const quarterTurns = rotate90 ? random.integer(4) : 0;
  const angle = ((random.next() * 2 - 1) * rotationDegrees * Math.PI) / 180 + (quarterTurns * Math.PI) / 2;
  const zoom = 1 / drawScale(scale, random);
  const mirrorX = flip !== "none" && random.next() < 0.5 ? -1 : 1;
  const mirrorY = flip === "both" && random.next() < 0.5 ? -1 : 1;
  const turned = turnOrRotate ? drawTurnOrRotation(turnOrRotate, random) : UNTURNED;
  const cosine = Math.cos(angle + turned.angle) * zoom;
  const sine = Math.sin(angle + turned.angle) * zoom;
  // Coordinates -1..1 span the whole image; the off-diagonal terms carry the ratio of its sides into pixels.
  const noise = Array.from({ length: 6 }, () => affine * random.normal()) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  // Nothing is drawn for what is not asked for: the samples of earlier configurations stay what they were.
  const widening = stretch === 0 ? 1 : Math.sqrt(logUniform(stretch, random));
  const shift = (side: number): number => (translation === 0 ? 0 : (random.next() * 2 - 1) * translation * side);
  const [na, nb, nc, nd, ne, nf] = [
    (1 + noise[0]) / widening,
    (noise[1] * columns) / rows,
    (noise[2] * columns) / 2 + shift(columns),
    (noise[3] * rows) / columns,
    (1 + noise[4]) * widening,
    (noise[5] * rows) / 2 + shift(rows),
  ];
  const a = cosine * mirrorX * turned.mirrorX;
  const b = -sine * mirrorY * turned.mirrorY;
  const d = sine * mirrorX * turned.mirrorX;
  const e = cosine * mirrorY * turned.mirrorY;
  return [a * na + b * nd, a * nb + b * ne, a * nc + b * nf, d * na + e * nd, d * nb + e * ne, d * nc + e * nf];
}

const UNTURNED = { angle: 0, mirrorX: 1, mirrorY: 1 };

function drawTurnOrRotation(
  { turn, rotate, degrees }: NonNullable<AugmentationSpec["turnOrRotate"]>,
  random: Random,
): typeof UNTURNED {
  if (random.next() < turn) {
    const angle = (random.integer(4) * Math.PI) / 2;
    return random.next() < 0.5 ? { angle, mirrorX: -1, mirrorY: 1 } : { angle, mirrorX: 1, mirrorY: -1 };
  }
  if (random.next() >= rotate) return UNTURNED;
  return { ...UNTURNED, angle: ((random.integer(2 * degrees) - degrees) * Math.PI) / 180 };
}

function drawScale(scale: NonNullable<AugmentationSpec["scale"]>, random: Random): number {
  if (typeof scale === "number") return logUniform(scale, random);
  const { smallest, largest } = scale;
  return smallest * (largest / smallest) ** random.next();
}

/** exp(uniform in ± ln(1 + spread)) */
export function logUniform(spread: number, random: Random): number {
  return Math.exp((random.next() * 2 - 1) * Math.log(1 + spread));
}

function drawDisplacement(
  { pixels, spacing }: { readonly pixels: number; readonly spacing: number },
  { rows, columns }: GridSize,
  random: Random,
): Warp {
  const controlColumns = Math.ceil(columns / spacing) + 2;
  const controlRows = Math.ceil(rows / spacing) + 2;
  const draw = (): Float32Array =>
    Float32Array.from({ length: controlColumns * controlRows }, () => pixels * random.normal());
  const spread = (control: Float32Array): Float32Array => {
    const result = new Float32Array(rows * columns);
    for (let row = 0; row < rows; row++) {
      const v = row / spacing;
      const top = Math.floor(v);
      const wy = smooth(v - top);
      for (let column = 0; column < columns; column++) {
        const u = column / spacing;
        const left = Math.floor(u);
        const wx = smooth(u - left);
        const start = top * controlColumns + left;
        const upper = control[start]! * (1 - wx) + control[start + 1]! * wx;
        const lower = control[start + controlColumns]! * (1 - wx) + control[start + controlColumns + 1]! * wx;
        result[row * columns + column] = upper * (1 - wy) + lower * wy;
      }
    }
    return result;
  };
  return { x: spread(draw()), y: spread(draw()) };
}

/** Smoothstep: no kinks at the control points. */
function smooth(t: number): number {
  return t * t * (3 - 2 * t);
}

export type Outside = "zero" | "edge" | "darkest";

/** Outside the image 0, the edge or the image's smallest value. */
export function warpImage(
  plane: Float32Array,
  warp: Warp,
  grid: GridSize,
  outside: Outside,
  interpolation: "bilinear" | "nearest" = "bilinear",
): Float32Array {
  const { rows, columns } = grid;
  const result = new Float32Array(plane.length);
  const beyond = outside === "darkest" ? plane.reduce((least, value) => Math.min(least, value)) : 0;
  const at = (row: number, column: number): number => {
    if (row >= 0 && row < rows && column >= 0 && column < columns) return plane[row * columns + column]!;
    if (outside !== "edge") return beyond;
    return plane[Math.min(Math.max(row, 0), rows - 1) * columns + Math.min(Math.max(column, 0), columns - 1)]!;
  };
  const isNearest = interpolation === "nearest";
  for (let index = 0; index < result.length; index++) {
    const x = isNearest ? Math.round(warp.x[index]!) : warp.x[index]!;
    const y = isNearest ? Math.round(warp.y[index]!) : warp.y[index]!;
    const left = Math.floor(x);
    const top = Math.floor(y);
    const wx = x - left;
    const wy = y - top;
    const upper = at(top, left) * (1 - wx) + at(top, left + 1) * wx;
    const lower = at(top + 1, left) * (1 - wx) + at(top + 1, left + 1) * wx;
    result[index] = upper * (1 - wy) + lower * wy;
  }
  return result;
}

/** Nearest neighbour; `background` outside the image. */
export function warpLabels(labels: Uint8Array, warp: Warp, { rows, columns }: GridSize, background = 0): Uint8Array {
  const result = new Uint8Array(labels.length).fill(background);
  for (let index = 0; index < result.length; index++) {
    const column = Math.round(warp.x[index]!);
    const row = Math.round(warp.y[index]!);
    if (row >= 0 && row < rows && column >= 0 && column < columns) result[index] = labels[row * columns + column]!;
  }
  return result;
}
