import type { Random } from "@samrefine/core";
import { gaussianBlur } from "../raster/blur.ts";
import { correlatedNoise, whiteNoise } from "../raster/noise.ts";
import type { Point } from "../raster/outline.ts";
import type { BoneProjection } from "./projection.ts";
import type { PixelFrame, SoftTissue } from "./soft-tissue.ts";

/** Linear attenuation in 1/mm at the mean energy of a 50 kV hand exposure (about 33 keV). */
const ATTENUATION = { soft: 0.03, fat: 0.026, compact: 0.155, lead: 3 } as const;

export interface Exposure {
  /** Photons per pixel without an object: sets the quantum noise. */
  readonly photons: number;
  /** Scattered relative to primary radiation in open field. */
  readonly scatter: number;
  /** Fall of the beam across the image (anode heel), relative, per image width. */
  readonly heel: readonly [x: number, y: number];
  /** Centre and width of the display curve, in optical depth. */
  readonly windowCenter: number;
  readonly windowWidth: number;
  readonly edgeEnhancement: number;
  /** Share of the slow variation that is taken away, so that fingertips and wrist fit one display. */
  readonly compression: number;
  readonly collimation: Collimation | undefined;
  /** Lead letters. */
  readonly marker: readonly (readonly Point[])[];
}

/** A rectangle turned by `angle`, in fractions of the image. */
export interface Collimation {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
  readonly angle: number;
  /** What lies outside: shuttered to black, or the pale veil of scatter that an unshuttered plate shows. */
  readonly outside: "shutter" | "veil";
}

export const MAXIMUM_VALUE = 4095;

/** Beer-Lambert through flesh and bone, scatter, quantum noise, then what a CR reader does before display. */
export function expose(
  flesh: SoftTissue,
  bones: BoneProjection,
  frame: PixelFrame,
  millimetresPerUnit: number,
  exposure: Exposure,
  random: Random,
): Uint16Array<ArrayBuffer> {
  const length = frame.columns * frame.rows;
  const open = openField(frame, exposure.collimation);
  const perMm = 1 / (frame.unitsPerPixel * millimetresPerUnit);
  const strands = correlatedNoise(random.fork("strands"), frame, 0.7 * perMm, 5 * perMm);
  const lobules = correlatedNoise(random.fork("lobules"), frame, 1.6 * perMm);
  const lead = leadThickness(exposure.marker, frame);
  const primary = new Float32Array(length);
  for (let i = 0; i < length; i++) {
    const column = i % frame.columns;
    const row = (i - column) / frame.columns;
    const beam = 1 + exposure.heel[0] * (column / frame.columns - 0.5) + exposure.heel[1] * (row / frame.rows - 0.5);
    const compact = bones.compact[i]!;
    const spongiosa = bones.spongiosa[i]!;
    const marrow = bones.marrow[i]!;
    const softer = Math.max(0, flesh.thickness[i]! - compact - spongiosa - marrow);
    // Fat under the skin and between muscle fibres.
    const fat = 0.35 * Math.exp(-Math.max(0, flesh.depth[i]!) / 2.5) + 0.16 + 0.09 * strands[i]! + 0.09 * lobules[i]!;
    const soft = ATTENUATION.soft + (ATTENUATION.fat - ATTENUATION.soft) * fat;
    const texture = 1 + 0.012 * strands[i]! + 0.012 * lobules[i]!;
    const depth = soft * softer * texture + ATTENUATION.fat * marrow + ATTENUATION.compact * (compact + spongiosa);
    primary[i] = open[i]! * beam * Math.exp(-depth * millimetresPerUnit - ATTENUATION.lead * lead[i]!);
  }
  const blurred = gaussianBlur(primary, frame, 0.13 * perMm);
  const veil = gaussianBlur(primary, frame, 14 * perMm);
  const quantum = gaussianBlur(whiteNoise(random.fork("quantum"), length), frame, 0.55);
  const depth = new Float32Array(length);
  for (let i = 0; i < length; i++) {
    const signal = blurred[i]! + exposure.scatter * veil[i]! + 0.002;
    // A blur of 0.55 px keeps about half of the deviation.
    const noise = quantum[i]! * (1.9 * Math.sqrt(signal / exposure.photons) + 0.0006);
    depth[i] = -Math.log(Math.max(signal + noise, 0.0008));
  }
  return display(depth, open, frame, perMm, exposure);
}

function display(
  depth: Float32Array,
  open: Float32Array,
  frame: PixelFrame,
  perMm: number,
  exposure: Exposure,
): Uint16Array<ArrayBuffer> {
  const mean = gaussianBlur(depth, frame, 1.6 * perMm);
  const fine = gaussianBlur(depth, frame, 0.5 * perMm);
  const coarse = gaussianBlur(depth, frame, 11 * perMm);
  const result = new Uint16Array(depth.length);
  const shutter = exposure.collimation?.outside === "shutter";
  for (let i = 0; i < depth.length; i++) {
    const detail = 0.6 * clampTo(depth[i]! - mean[i]!, 0.5) + 0.5 * clampTo(depth[i]! - fine[i]!, 0.3);
    const enhanced =
      depth[i]! + exposure.edgeEnhancement * detail - exposure.compression * (coarse[i]! - exposure.windowCenter);
    const curve = 1 / (1 + Math.exp((-4 * (enhanced - exposure.windowCenter)) / exposure.windowWidth));
    // The foot of the film curve: open field is nearly black.
    const foot = Math.min(1, 0.35 + 5 * Math.max(0, depth[i]!));
    const value = MAXIMUM_VALUE * curve * foot * (shutter ? smoothEdge(open[i]!) : 1);
    result[i] = Math.round(Math.min(Math.max(value, 0), MAXIMUM_VALUE));
  }
  return result;
}

function clampTo(value: number, limit: number): number {
  return limit * Math.tanh(value / limit);
}

function smoothEdge(open: number): number {
  return open > 0.5 ? 1 : 0.004;
}

/** 1 in the beam, a little leakage outside, a penumbra of a millimetre between. */
function openField(frame: PixelFrame, collimation: Collimation | undefined): Float32Array {
  const field = new Float32Array(frame.columns * frame.rows).fill(1);
  if (!collimation) return field;
  const cos = Math.cos(collimation.angle);
  const sin = Math.sin(collimation.angle);
  for (let y = 0; y < frame.rows; y++) {
    for (let x = 0; x < frame.columns; x++) {
      const u = x - frame.columns / 2;
      const v = y - frame.rows / 2;
      const s = u * cos + v * sin + frame.columns / 2;
      const t = -u * sin + v * cos + frame.rows / 2;
      const edge = Math.min(
        s - collimation.left * frame.columns,
        collimation.right * frame.columns - s,
        t - collimation.top * frame.rows,
        collimation.bottom * frame.rows - t,
      );
      field[y * frame.columns + x] = 0.004 + 0.996 / (1 + Math.exp(-edge / 1.5));
    }
  }
  return field;
}

/** Millimetres of lead: strokes 1.8 mm wide. */
function leadThickness(strokes: readonly (readonly Point[])[], frame: PixelFrame): Float32Array {
  const result = new Float32Array(frame.columns * frame.rows);
  const half = 0.9 / frame.unitsPerPixel;
  for (const stroke of strokes) {
    for (let i = 0; i + 1 < stroke.length; i++) {
      const a = frame.toPixel(stroke[i]!);
      const b = frame.toPixel(stroke[i + 1]!);
      stampStroke(result, frame, a, b, half);
    }
  }
  return result;
}

function stampStroke(into: Float32Array, frame: PixelFrame, a: Point, b: Point, half: number): void {
  const dx = b[0] - a[0];
  const dy = b[1] - a[1];
  const reach = half + 1;
  for (
    let y = Math.max(0, Math.floor(Math.min(a[1], b[1]) - reach));
    y <= Math.min(frame.rows - 1, Math.ceil(Math.max(a[1], b[1]) + reach));
    y++
  ) {
    for (
      let x = Math.max(0, Math.floor(Math.min(a[0], b[0]) - reach));
      x <= Math.min(frame.columns - 1, Math.ceil(Math.max(a[0], b[0]) + reach));
      x++
    ) {
      const t = Math.min(Math.max(((x - a[0]) * dx + (y - a[1]) * dy) / Math.max(dx * dx + dy * dy, 1e-9), 0), 1);
      const distance = Math.hypot(x - a[0] - t * dx, y - a[1] - t * dy);
      const cover = Math.min(Math.max(half + 0.5 - distance, 0), 1);
      const at = y * frame.columns + x;
      into[at] = Math.max(into[at]!, 1.1 * cover);
    }
  }
}
