import type { Body } from "./body.ts";
import { type Field, type Shape, smoothMaximum, smoothMinimum } from "./field.ts";

export interface Spine {
  /** Middle of the vertebral body at a height. */
  readonly center: (z: number) => readonly [x: number, y: number];
  readonly vertebrae: Shape;
  readonly discs: Shape;
  readonly canal: Shape;
  readonly thecalSac: Shape;
}

const PITCH = 34.5;
const BODY_HALF_HEIGHT = 13;

/** @param phase where the first disc lies, mm. */
export function buildSpine(body: Body, phase: number, size: number): Spine {
  const back = body.habitus.halfDepth - body.habitus.fatBack;
  const anchor = back - 51 * size;
  const center = (z: number): readonly [number, number] => [0, anchor - 6 * Math.cos((z + 60) / 90)];
  const bounds = {
    min: [-50, anchor - 40, body.whole.min[2]] as const,
    max: [50, anchor + 75, body.whole.max[2]] as const,
  };
  /** Height above the middle of the nearest vertebral body. */
  const local = (z: number): number => z - phase - PITCH * Math.round((z - phase) / PITCH);
  const column = (x: number, y: number, z: number, h: number): number => {
    const [, cy] = center(z);
    const waist = 1 - 0.075 * Math.cos((Math.PI * h) / 34);
    const u = x / (24 * size * waist);
    const v = (y - cy) / (17 * size * waist);
    const rho = Math.hypot(u, v);
    const flat = y - cy - 13.5 * size;
    return smoothMaximum((rho - 1) * 19 * size, flat + 1.5 * Math.exp(-((x / 7) ** 2)), 6);
  };
  const vertebrae: Field = (x, y, z) => {
    const h = local(z);
    const [, cy] = center(z);
    const s = size;
    const bodyPart = smoothMaximum(column(x, y, z, h), Math.abs(h) - BODY_HALF_HEIGHT, 3);
    const ax = Math.abs(x);
    const dy = y - cy;
    const plate = (
      x0: number,
      y0: number,
      x1: number,
      y1: number,
      radius: number,
      middle: number,
      half: number,
    ): number => {
      const from = middle - half;
      const above = h < from - PITCH / 2 ? h + PITCH : h > from + half * 2 + PITCH / 2 ? h - PITCH : h;
      return smoothMaximum(
        stick(ax, dy, x0 * s, y0 * s, x1 * s, y1 * s) - radius * s,
        Math.abs(above - middle) - half,
        4,
      );
    };
    let d = smoothMinimum(bodyPart, plate(14, 10, 15, 26, 4.6, 4, 7.5), 4);
    d = smoothMinimum(d, plate(15, 27, 1, 37, 3.4, -4, 11), 4);
    d = smoothMinimum(d, plate(0, 37, 0, 60, 3.2, -9, 9), 4);
    d = smoothMinimum(d, plate(15, 25, 42, 31, 3, 3, 4.5), 4);
    return smoothMinimum(d, plate(18, 26, 20, 30, 5.6, -14, 9), 3);
  };
  const discs: Field = (x, y, z) => {
    const h = local(z);
    return Math.max(column(x, y, z, 17) + 0.5, BODY_HALF_HEIGHT - Math.abs(h) - 0.5);
  };
  const round =
    (rx: number, ry: number): Field =>
    (x, y, z) => {
      const [, cy] = center(z);
      return (Math.hypot(x / rx, (y - cy - 23 * size) / ry) - 1) * Math.min(rx, ry);
    };
  return {
    center,
    vertebrae: { bounds, field: vertebrae },
    discs: { bounds, field: discs },
    canal: { bounds, field: round(12.5 * size, 10.5 * size) },
    thecalSac: { bounds, field: round(8.8 * size, 7.4 * size) },
  };
}

function stick(x: number, y: number, ax: number, ay: number, bx: number, by: number): number {
  const dx = bx - ax;
  const dy = by - ay;
  const t = Math.min(Math.max(((x - ax) * dx + (y - ay) * dy) / (dx * dx + dy * dy + 1e-9), 0), 1);
  return Math.hypot(x - ax - t * dx, y - ay - t * dy);
}

export interface RibCage {
  readonly bone: Shape;
  readonly cartilage: Shape;
}

/** Ribs as bands that sink while they run forward in the wall; bone first, cartilage at their ends. */
export function buildRibs(body: Body, phase: number, slope: number): RibCage {
  const ribs = [0, 1, 2, 3, 4, 5].map((index) => ({
    // The twelfth rib starts lowest and is the shortest.
    start: phase + 40 + 30 * index,
    boneEnd: [0.95, 1.5, 2.1, 2.25, 2.3, 2.35][index]!,
    end: [0.95, 1.55, 2.6, 2.75, 2.85, 2.9][index]!,
  }));
  const band = (part: "bone" | "cartilage"): Field => {
    return (x, y, z) => {
      const ring = body.cavity(x, y, z) - 5.5;
      if (Math.abs(ring) > 12) return 10;
      const angle = Math.atan2(Math.abs(x), y + 10);
      let nearest = 10;
      for (const rib of ribs) {
        const from = part === "bone" ? 0.3 : rib.boneEnd;
        const to = part === "bone" ? rib.boneEnd : rib.end;
        if (to <= from) continue;
        const height = (z - rib.start + slope * Math.min(angle, 2) - Math.max(0, angle - 2) * 22) / 1.15;
        const cross = (Math.hypot(ring / 3.3, height / 5.6) - 1) * 3.3;
        const beyond = Math.max(from - angle, angle - to) * 90;
        nearest = Math.min(nearest, smoothMaximum(cross, beyond, 3));
      }
      return nearest;
    };
  };
  return {
    bone: { bounds: body.whole, field: band("bone") },
    cartilage: { bounds: body.whole, field: band("cartilage") },
  };
}
