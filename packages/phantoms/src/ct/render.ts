import type { Random } from "@samrefine/core";
import { gaussianBlur } from "../raster/blur.ts";
import { correlatedNoise, interpolate, standardise, whiteNoise } from "../raster/noise.ts";
import type { Field } from "./field.ts";
import { ABDOMEN_CLASSES, type Tissue } from "./tissue.ts";

export interface CtGrid {
  readonly columns: number;
  readonly rows: number;
  readonly slices: number;
  /** In-plane, mm; square pixels. */
  readonly pixelMm: number;
  readonly sliceMm: number;
  /** Patient position of the centre of voxel (0, 0, 0), LPS mm. */
  readonly origin: readonly [x: number, y: number, z: number];
}

export const AIR = -1000;

/**
 * Fields of noise that every slice takes a piece of, shifted and mirrored at random: no two slices show the same, and
 * nothing has to be blurred anew for each.
 */
export interface NoiseBank {
  take(random: Random): Float32Array;
}

const SPARE = 64;

function noiseBank(
  count: number,
  grid: CtGrid,
  make: (random: Random, size: { readonly columns: number; readonly rows: number }) => Float32Array,
  random: Random,
): NoiseBank {
  const size = { columns: grid.columns + SPARE, rows: grid.rows + SPARE };
  const fields = Array.from({ length: count }, (_, i) => make(random.fork(`field ${i}`), size));
  return {
    take(from) {
      const field = fields[from.integer(count)]!;
      const x0 = from.integer(SPARE);
      const y0 = from.integer(SPARE);
      const mirror = from.integer(2) === 1;
      const piece = new Float32Array(grid.columns * grid.rows);
      for (let y = 0; y < grid.rows; y++) {
        const source = (y0 + (mirror ? grid.rows - 1 - y : y)) * size.columns + x0;
        piece.set(field.subarray(source, source + grid.columns), y * grid.columns);
      }
      return piece;
    },
  };
}

/** Mottling of two sizes, as parenchyma and stool have it. */
export function tissueTexture(grid: CtGrid, random: Random): NoiseBank {
  return noiseBank(
    3,
    grid,
    (from, size) => {
      const fine = correlatedNoise(from.fork("fine"), size, 1.1 / grid.pixelMm);
      const coarse = correlatedNoise(from.fork("coarse"), size, 3 / grid.pixelMm);
      for (let i = 0; i < fine.length; i++) fine[i] = 0.75 * fine[i]! + 0.66 * coarse[i]!;
      return fine;
    },
    random,
  );
}

/** The grain of filtered back projection: little at low frequencies. Standard deviation 1. */
export function scannerGrain(grid: CtGrid, random: Random): NoiseBank {
  return noiseBank(
    5,
    grid,
    (from, size) => {
      const white = whiteNoise(from, size.columns * size.rows);
      const grain = gaussianBlur(white, size, 0.75);
      const slow = gaussianBlur(white, size, 2.4);
      for (let i = 0; i < grain.length; i++) grain[i] = grain[i]! - 0.8 * slow[i]!;
      return standardise(grain);
    },
    random,
  );
}

/**
 * Paints the tissues of one slice. Two planes a half slice apart are averaged and edges fade over one pixel, so that
 * borders carry partial volume; a voxel belongs to a class if its centre lies inside the sampled shape.
 */
export function renderSlice(
  tissues: readonly Tissue[],
  grid: CtGrid,
  slice: number,
  texture: Float32Array,
): RenderedSlice {
  const canvas: Canvas = {
    grid,
    z: grid.origin[2] + slice * grid.sliceMm,
    hu: new Float32Array(grid.columns * grid.rows).fill(AIR),
    labels: new Uint8Array(grid.columns * grid.rows),
    texture,
  };
  for (const tissue of tissues) paint(canvas, tissue);
  return canvas;
}

export interface RenderedSlice {
  readonly hu: Float32Array;
  readonly labels: Uint8Array;
}

interface Canvas extends RenderedSlice {
  readonly grid: CtGrid;
  readonly z: number;
  readonly texture: Float32Array;
}

function paint(canvas: Canvas, tissue: Tissue): void {
  const { grid, z } = canvas;
  const { min, max } = tissue.shape.bounds;
  if (z < min[2] - grid.sliceMm || z > max[2] + grid.sliceMm) return;
  const toIndex = (value: number, axis: 0 | 1): number => (value - grid.origin[axis]) / grid.pixelMm;
  const left = Math.max(0, Math.floor(toIndex(min[0], 0)) - 2);
  const right = Math.min(grid.columns - 1, Math.ceil(toIndex(max[0], 0)) + 2);
  const top = Math.max(0, Math.floor(toIndex(min[1], 1)) - 2);
  const bottom = Math.min(grid.rows - 1, Math.ceil(toIndex(max[1], 1)) + 2);
  if (left > right || top > bottom) return;
  const window = { left, top, columns: right - left + 1, rows: bottom - top + 1 };
  const upper = samplePlane(tissue.shape.field, grid, window, z + grid.sliceMm / 4, tissue.step);
  const lower = samplePlane(tissue.shape.field, grid, window, z - grid.sliceMm / 4, tissue.step);
  if (!upper.touches && !lower.touches) return;
  const only = tissue.only === undefined ? undefined : ABDOMEN_CLASSES.indexOf(tissue.only) + 1;
  for (let row = 0; row < window.rows; row++) {
    for (let column = 0; column < window.columns; column++) {
      const a = valueAt(upper, column, row);
      const b = valueAt(lower, column, row);
      if (a > grid.pixelMm && b > grid.pixelMm) continue;
      const at = (top + row) * grid.columns + left + column;
      if (only !== undefined && canvas.labels[at] !== only) continue;
      paintVoxel(canvas, tissue, at, a, b, left + column, top + row);
    }
  }
}

function paintVoxel(
  canvas: Canvas,
  tissue: Tissue,
  at: number,
  a: number,
  b: number,
  column: number,
  row: number,
): void {
  const { grid } = canvas;
  for (const layer of tissue.layers) {
    const width = 1.1 * grid.pixelMm;
    const cover = 0.5 * (share(a + layer.depth, width) + share(b + layer.depth, width));
    if (cover <= 0) continue;
    const hu =
      typeof layer.hu === "number"
        ? layer.hu
        : layer.hu(grid.origin[0] + column * grid.pixelMm, grid.origin[1] + row * grid.pixelMm, canvas.z);
    const value = hu + (hu > -900 ? layer.texture * canvas.texture[at]! : 0);
    canvas.hu[at] = canvas.hu[at]! * (1 - cover) + value * cover;
    if (layer.label !== "unchanged" && (a + b) / 2 + layer.depth < 0) {
      canvas.labels[at] = layer.label === "background" ? 0 : ABDOMEN_CLASSES.indexOf(layer.label) + 1;
    }
  }
}

function share(distance: number, width: number): number {
  return Math.min(Math.max(0.5 - distance / width, 0), 1);
}

interface Plane {
  readonly columns: number;
  readonly perPixel: number;
  readonly values: Float32Array;
  readonly touches: boolean;
}

/** The field on a coarser grid over the window. */
function samplePlane(
  field: Field,
  grid: CtGrid,
  window: { readonly left: number; readonly top: number; readonly columns: number; readonly rows: number },
  z: number,
  step: number,
): Plane {
  const perPixel = Math.min(1, grid.pixelMm / step);
  const columns = Math.ceil(window.columns * perPixel) + 2;
  const rows = Math.ceil(window.rows * perPixel) + 2;
  const values = new Float32Array(columns * rows);
  const pitch = grid.pixelMm / perPixel;
  const x0 = grid.origin[0] + window.left * grid.pixelMm;
  const y0 = grid.origin[1] + window.top * grid.pixelMm;
  let touches = false;
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const value = field(x0 + column * pitch, y0 + row * pitch, z);
      values[row * columns + column] = value;
      if (value < grid.pixelMm) touches = true;
    }
  }
  return { columns, perPixel, values, touches };
}

function valueAt(plane: Plane, column: number, row: number): number {
  const u = column * plane.perPixel;
  const v = row * plane.perPixel;
  const i = u | 0;
  const j = v | 0;
  const fx = u - i;
  const fy = v - j;
  const at = j * plane.columns + i;
  const values = plane.values;
  const above = values[at]! * (1 - fx) + values[at + 1]! * fx;
  const below = values[at + plane.columns]! * (1 - fx) + values[at + plane.columns + 1]! * fx;
  return above * (1 - fy) + below * fy;
}

/** What the scanner adds: its point spread, and noise that is stronger in the middle of the body where few photons arrive. */
export function scan(
  hu: Float32Array,
  grid: CtGrid,
  noise: { readonly centre: number; readonly edge: number },
  grain: Float32Array,
): Float32Array {
  const image = gaussianBlur(hu, grid, 0.45 / grid.pixelMm);
  const step = 4;
  const coarse = { columns: Math.ceil(grid.columns / step) + 1, rows: Math.ceil(grid.rows / step) + 1 };
  const solidness = new Float32Array(coarse.columns * coarse.rows);
  for (let row = 0; row < coarse.rows; row++) {
    for (let column = 0; column < coarse.columns; column++) {
      const x = Math.min(column * step, grid.columns - 1);
      const y = Math.min(row * step, grid.rows - 1);
      solidness[row * coarse.columns + column] = hu[y * grid.columns + x]! > -700 ? 1 : 0;
    }
  }
  const density = interpolate(gaussianBlur(solidness, coarse, 26 / (step * grid.pixelMm)), coarse, grid, step);
  for (let i = 0; i < image.length; i++) {
    const sigma = noise.edge + (noise.centre - noise.edge) * density[i]!;
    image[i] = image[i]! + sigma * grain[i]!;
  }
  return image;
}
