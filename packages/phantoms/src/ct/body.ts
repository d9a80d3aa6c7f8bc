import type { Random } from "@samrefine/core";
import { type Box, type Field, remembered, type Shape, smoothMaximum } from "./field.ts";

/** Size and fat of one person, mm. */
export interface BodyHabitus {
  readonly halfWidth: number;
  readonly halfDepth: number;
  readonly fatFront: number;
  readonly fatSide: number;
  readonly fatBack: number;
  readonly wall: number;
  /** Height of the right dome of the diaphragm. */
  readonly dome: number;
}

export interface Body {
  readonly habitus: BodyHabitus;
  readonly skin: Field;
  /** Outer surface of the muscles: under it, fat ends. */
  readonly muscle: Field;
  /** Inner surface of the wall: abdominal and thoracic cavity. */
  readonly cavity: Field;
  /** Positive above the diaphragm. */
  readonly aboveDiaphragm: Field;
  readonly whole: Box;
}

export function drawHabitus(random: Random): BodyHabitus {
  const between = (from: number, to: number): number => from + (to - from) * random.next();
  const stout = random.next();
  return {
    halfWidth: 146 + 26 * stout + between(-5, 5),
    halfDepth: 103 + 22 * stout + between(-4, 4),
    fatFront: 9 + 15 * stout + between(-3, 3),
    fatSide: 8 + 13 * stout + between(-3, 3),
    fatBack: 12 + 12 * stout + between(-3, 3),
    wall: between(10, 14),
    dome: between(80, 98),
  };
}

export function buildBody(habitus: BodyHabitus, halfHeight: number): Body {
  const { halfWidth, halfDepth, fatFront, fatSide, fatBack, wall } = habitus;
  const waist = (z: number): number =>
    1 - 0.05 * Math.exp(-(((z + 50) / 60) ** 2)) + (0.02 * Math.max(0, -z - 60)) / 50;
  const skin: Field = (x, y, z) => {
    const w = waist(z);
    const groove = y > 0 ? 7 * Math.exp(-((x / 16) ** 2)) : 3 * Math.exp(-((x / 14) ** 2));
    return roundBox(x, y, halfWidth * w, halfDepth * (0.5 + 0.5 * w), 2.35) + groove;
  };
  const fat = (x: number, y: number): number => {
    const side = Math.abs(x) / (Math.abs(x) + Math.abs(y) + 1);
    const end = y > 0 ? fatBack : fatFront;
    return end + (fatSide - end) * side;
  };
  const muscle: Field = (x, y, z) => skin(x, y, z) + fat(x, y) - (y > 0 ? 3 * Math.exp(-((x / 10) ** 2)) : 0);
  const front = -halfDepth + fatFront + 9;
  const back = halfDepth - fatBack - 32;
  const middle = (front + back) / 2;
  const depth = (back - front) / 2;
  const cavity: Field = (x, y, z) => {
    const w = waist(z);
    return roundBox(x, y - middle, (halfWidth - fatSide - wall) * w, depth, 2.4);
  };
  const whole: Box = {
    min: [-halfWidth - 6, -halfDepth - 6, -halfHeight - 10],
    max: [halfWidth + 6, halfDepth + 6, halfHeight + 10],
  };
  const keep = (field: Field): Field => remembered({ bounds: whole, field }, 2).field;
  const aboveDiaphragm: Field = (x, y, z) => {
    const right = habitus.dome - ((x + 72) ** 2 + (y + 8) ** 2) / 105;
    const left = habitus.dome - 12 - ((x - 70) ** 2 + y * y) / 100;
    return z - smoothMaximum(smoothMaximum(right, left, 16), habitus.dome - 85, 20);
  };
  return {
    habitus,
    skin: keep(skin),
    muscle: keep(muscle),
    cavity: keep(cavity),
    aboveDiaphragm,
    whole,
  };
}

/** First-order distance to a superellipse. */
function roundBox(x: number, y: number, a: number, b: number, power: number): number {
  const u = Math.abs(x) / a;
  const v = Math.abs(y) / b;
  const up = u ** (power - 1);
  const vp = v ** (power - 1);
  const rho = (up * u + vp * v) ** (1 / power);
  if (rho < 0.05) return -Math.min(a, b);
  const slope = Math.hypot(up / a, vp / b) / rho ** (power - 1);
  return (rho - 1) / slope;
}

/** Both lungs, as far as they reach into the scan; `spineY` is where the vertebral bodies lie. */
export function lungs(body: Body, spineY: number): Shape {
  return {
    bounds: body.whole,
    field: (x, y, z) => {
      const mediastinum = 24 + 12 * Math.exp(-(((y + 40) / 45) ** 2)) - 6 * Math.max(0, Math.min(1, (y - 20) / 30));
      const spine = 33 - Math.hypot(x / 1.05, y - spineY);
      return smoothMaximum(
        smoothMaximum(body.cavity(x, y, z) + 1, -0.7 * body.aboveDiaphragm(x, y, z) + 2, 6),
        Math.max(mediastinum - Math.abs(x - 6), spine),
        8,
      );
    },
  };
}
