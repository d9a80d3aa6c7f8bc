import type { Random } from "@samrefine/core";
import { inflate } from "../raster/inflate.ts";
import { correlatedNoise } from "../raster/noise.ts";
import type { Point } from "../raster/outline.ts";
import { type Patch, rasterise } from "../raster/patch.ts";
import { type Bone, HAND_CLASSES } from "./bone.ts";
import type { PixelFrame } from "./soft-tissue.ts";

/** Path lengths of bone along the beam, mm of the hand frame, and the exact mask of every class. */
export interface BoneProjection {
  readonly compact: Float32Array;
  readonly marrow: Float32Array;
  /** Bone tissue within the marrow space, as an equivalent length of compact bone. */
  readonly spongiosa: Float32Array;
  /** In the order of HAND_CLASSES; 0 or 1. */
  readonly masks: readonly Uint8Array[];
}

interface Texture {
  readonly fine: Float32Array;
  readonly struts: Float32Array;
  readonly patches: Float32Array;
}

export function projectBones(
  bones: readonly Bone[],
  frame: PixelFrame,
  spongiosaFraction: number,
  random: Random,
): BoneProjection {
  const length = frame.columns * frame.rows;
  const projection = {
    compact: new Float32Array(length),
    marrow: new Float32Array(length),
    spongiosa: new Float32Array(length),
    masks: HAND_CLASSES.map(() => new Uint8Array(length)),
  };
  const perMm = 1 / frame.unitsPerPixel;
  const texture: Texture = {
    fine: correlatedNoise(random.fork("fine"), frame, 0.22 * perMm),
    struts: correlatedNoise(random.fork("struts"), frame, 0.2 * perMm, 0.95 * perMm),
    patches: correlatedNoise(random.fork("patches"), frame, 1.5 * perMm),
  };
  for (const bone of bones) projectBone(bone, frame, spongiosaFraction, texture, projection);
  return projection;
}

/** Farther from the outline than any cortex is thick. */
const BAND_MM = 4.5;

function projectBone(
  bone: Bone,
  frame: PixelFrame,
  spongiosaFraction: number,
  texture: Texture,
  into: BoneProjection,
): void {
  const patch = rasterise(bone.outline.map(frame.toPixel), frame, BAND_MM / frame.unitsPerPixel);
  if (!patch) return;
  const mask = bone.class === "sesamoid" ? undefined : into.masks[HAND_CLASSES.indexOf(bone.class)];
  const along = alongAxis(bone, frame, patch);
  const ends = Math.hypot(bone.axis.to[0] - bone.axis.from[0], bone.axis.to[1] - bone.axis.from[1]);
  const isLong = ends > 5;
  const outerLevel = patch.distance.map((d, i) => (patch.inside[i] === 1 ? d : -d));
  const innerLevel = outerLevel.map((d, i) => {
    const at = imageIndex(patch, frame, i);
    const uneven = Math.max(0.4, 1 + (isLong ? 0.06 : 0.18) * texture.patches[at]!);
    return d - (bone.cortexMm(along[i]!) * uneven) / frame.unitsPerPixel;
  });
  const screen = bone.screenMm === undefined ? {} : { screen: bone.screenMm / frame.unitsPerPixel };
  const outer = inflateOpen(outerLevel, patch, frame, screen);
  const inner = inflateOpen(innerLevel, patch, frame, screen);
  const toMm = 2 * bone.depth * frame.unitsPerPixel;
  for (let i = 0; i < outer.length; i++) {
    if (patch.inside[i] === 0) continue;
    const at = imageIndex(patch, frame, i);
    if (mask) mask[at] = 1;
    const whole = outer[i]! * toMm;
    const hollow = Math.min(inner[i]! * toMm, whole);
    const position = along[i]!;
    const dense = bone.spongiosa(position);
    const struts = (isLong ? 0.1 + 0.1 * dense : 0.09) * texture.struts[at]!;
    const grain = 1 + struts + 0.13 * texture.fine[at]! + 0.12 * texture.patches[at]!;
    let compact = whole - hollow;
    let cancellous = hollow * dense * spongiosaFraction * Math.max(0.2, grain);
    let marrow = hollow;
    if (bone.growthPlate) {
      const fromPlate =
        ((position - bone.growthPlate.at) * ends + 0.35 * texture.patches[at]!) / bone.growthPlate.widthMm;
      const cartilage = Math.exp(-2 * fromPlate * fromPlate);
      // The zone of provisional calcification: a dense line on the side of the shaft and a fainter one on the other.
      const calcified = 0.35 * Math.exp(-8 * (Math.abs(fromPlate) - 1.1) ** 2);
      cancellous = cancellous * (1 - 0.9 * cartilage) + whole * 0.12 * calcified;
      marrow += compact * 0.9 * cartilage;
      compact *= 1 - 0.9 * cartilage;
    }
    into.compact[at] = into.compact[at]! + compact;
    into.spongiosa[at] = into.spongiosa[at]! + cancellous;
    into.marrow[at] = into.marrow[at]! + Math.max(0, marrow - cancellous);
  }
  for (const ridge of bone.ridges) {
    stampRidge(into.compact, frame, patch, ridge.line, ridge.thicknessMm, ridge.sigmaMm / frame.unitsPerPixel);
  }
}

/** Bones cut by the lower edge of the image go on beyond it. */
function inflateOpen(
  level: Float32Array,
  patch: Patch,
  frame: PixelFrame,
  options: { readonly screen?: number },
): Float32Array {
  if (patch.y + patch.rows < frame.rows) return inflate(level, patch, options);
  const margin = 30;
  const extended = new Float32Array(patch.columns * (patch.rows + margin));
  extended.set(level);
  const last = level.subarray((patch.rows - 1) * patch.columns);
  for (let row = 0; row < margin; row++) extended.set(last, (patch.rows + row) * patch.columns);
  return inflate(extended, { columns: patch.columns, rows: patch.rows + margin }, options).subarray(0, level.length);
}

function imageIndex(patch: Patch, frame: PixelFrame, i: number): number {
  const row = Math.floor(i / patch.columns);
  return (patch.y + row) * frame.columns + patch.x + (i - row * patch.columns);
}

function alongAxis(bone: Bone, frame: PixelFrame, patch: Patch): Float32Array {
  const from = frame.toPixel(bone.axis.from);
  const to = frame.toPixel(bone.axis.to);
  const dx = to[0] - from[0];
  const dy = to[1] - from[1];
  const scale = 1 / (dx * dx + dy * dy);
  const result = new Float32Array(patch.columns * patch.rows);
  for (let i = 0; i < result.length; i++) {
    const row = Math.floor(i / patch.columns);
    const x = patch.x + (i - row * patch.columns) - from[0];
    const y = patch.y + row - from[1];
    result[i] = (x * dx + y * dy) * scale;
  }
  return result;
}

/** A line of bone with a Gaussian cross-section; it fades out next to the outline. */
function stampRidge(
  compact: Float32Array,
  frame: PixelFrame,
  patch: Patch,
  line: readonly Point[],
  thickness: number,
  sigma: number,
): void {
  const reach = Math.ceil(3 * sigma);
  const strength = new Float32Array(patch.columns * patch.rows);
  for (const [index, point] of line.entries()) {
    const [px, py] = frame.toPixel(point);
    const ends = Math.min(1, Math.min(index, line.length - 1 - index) / Math.max(1, 0.2 * line.length));
    const x0 = Math.round(px);
    const y0 = Math.round(py);
    for (let y = y0 - reach; y <= y0 + reach; y++) {
      for (let x = x0 - reach; x <= x0 + reach; x++) {
        const column = x - patch.x;
        const row = y - patch.y;
        if (column < 0 || row < 0 || column >= patch.columns || row >= patch.rows) continue;
        const at = row * patch.columns + column;
        if (patch.inside[at] === 0) continue;
        const value = ends * Math.exp(-((x - px) ** 2 + (y - py) ** 2) / (2 * sigma * sigma));
        if (value > strength[at]!) strength[at] = value;
      }
    }
  }
  const fade = 0.8 / frame.unitsPerPixel;
  for (let i = 0; i < strength.length; i++) {
    if (strength[i] === 0) continue;
    const at = imageIndex(patch, frame, i);
    compact[at] = compact[at]! + thickness * strength[i]! * Math.min(1, patch.distance[i]! / fade);
  }
}
