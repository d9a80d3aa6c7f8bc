import type { Random } from "@samrefine/core";
import type { Body } from "./body.ts";
import { type Ball, bumpy, offset, type Point3, refineChain, type Shape, tube, within, without } from "./field.ts";
import { type Layer, solid, type Tissue } from "./tissue.ts";

const GAS = -960;

/** Fluid below, gas above: the patient lies on the back, so that gas is in front. */
function leveled(levelY: number, fluid: (x: number, y: number, z: number) => number): Layer["hu"] {
  return (x, y, z) => {
    const gas = Math.min(Math.max((levelY - y) / 1.5 + 0.5, 0), 1);
    return gas * GAS + (1 - gas) * fluid(x, y, z);
  };
}

function between(random: Random, from: number, to: number): number {
  return from + (to - from) * random.next();
}

function wiggle(balls: readonly Ball[], amount: number, random: Random): Ball[] {
  return balls.map(({ at, radius }) => ({
    at: [at[0] + amount * random.normal(), at[1] + amount * random.normal(), at[2] + amount * random.normal()],
    radius: radius * (1 + 0.06 * random.normal()),
  }));
}

/** The stomach from fundus to pylorus. */
export function stomachShape(body: Body, scale: number, random: Random): Shape {
  const f = body.habitus.halfDepth / 108;
  const full = between(random, 0.8, 1.12);
  const balls: Ball[] = [
    { at: [68, 14, 66], radius: 29 * full },
    { at: [76, -8, 44], radius: 31 * full },
    { at: [66, -34, 18], radius: 26 * full },
    { at: [42, -54 * f, -4], radius: 22 * full },
    { at: [8, -58 * f, -12], radius: 17 * full },
    { at: [-18, -46 * f, -6], radius: 11 },
  ];
  const chain = refineChain(wiggle(balls, 3.5, random), 4).map(({ at, radius }) => ({
    at: [at[0] * scale, at[1], at[2]] as const,
    radius,
  }));
  const limited = within(tube(chain, 5), offset(body.cavity, 4), offset(body.aboveDiaphragm, 5));
  return bumpy(limited, 2.2, 45, random);
}

export function stomachTissue(shape: Shape, random: Random): Tissue {
  const fluid = between(random, 10, 45);
  const food = random.next() < 0.5 ? 18 : 4;
  const level = between(random, -62, -20);
  return {
    shape,
    step: 2,
    layers: [
      { depth: 0, hu: 78, texture: 7, label: "stomach" },
      { depth: between(random, 3, 5), hu: leveled(level, () => fluid), texture: food, label: "stomach" },
    ],
  };
}

/** Duodenum from the pylorus around the head of the pancreas. */
export function duodenum(random: Random): Tissue {
  const balls: Ball[] = [
    { at: [-24, -42, -4], radius: 11 },
    { at: [-46, -30, -2], radius: 12 },
    { at: [-52, -14, -18], radius: 12 },
    { at: [-50, -6, -44], radius: 12 },
    { at: [-28, -4, -58], radius: 11 },
    { at: [6, -8, -58], radius: 10.5 },
    { at: [26, -12, -44], radius: 10.5 },
  ];
  return {
    shape: bumpy(tube(refineChain(wiggle(balls, 2.5, random), 3), 3), 1.2, 14, random),
    step: 1.6,
    layers: [
      { depth: 0, hu: 82, texture: 8, label: "background" },
      { depth: 2.6, hu: between(random, 15, 45), texture: 14, label: "background" },
    ],
  };
}

/** Ascending, transverse and descending colon with haustra, stool and gas. */
export function colon(body: Body, liver: Shape, random: Random): Tissue[] {
  const side = body.habitus.halfWidth - body.habitus.fatSide - body.habitus.wall;
  const front = -body.habitus.halfDepth + body.habitus.fatFront + 9;
  const sag = between(random, -78, -52);
  const right: Ball[] = [
    { at: [-side + 30, 10, -130], radius: 24 },
    { at: [-side + 27, 16, -90], radius: 23 },
    { at: [-side + 28, 8, -58], radius: 21 },
    { at: [-side + 42, -22, -44], radius: 20 },
  ];
  const across: Ball[] = [
    right[3]!,
    { at: [-52, front + 28, sag], radius: 18 },
    { at: [0, front + 22, sag - 12], radius: 17 },
    { at: [50, front + 28, sag + 8], radius: 17 },
    { at: [side - 34, -18, -14], radius: 17 },
  ];
  const left: Ball[] = [
    across[4]!,
    { at: [side - 22, 22, 2], radius: 16 },
    { at: [side - 18, 34, -36], radius: 14 },
    { at: [side - 19, 34, -80], radius: 13 },
    { at: [side - 22, 26, -130], radius: 14 },
  ];
  return [right, across, left].map((balls, index): Tissue => {
    const chain = haustra(refineChain(wiggle(balls, 3, random), 9), random);
    const shape = without(within(tube(chain, 2), offset(body.cavity, 2.5), offset(body.aboveDiaphragm, 4)), liver, 1.5);
    const stool = between(random, -40, 50);
    const mottling = index === 1 ? 45 : 90;
    const level = index === 1 ? front + between(random, 6, 22) : between(random, -14, 12);
    return {
      shape,
      step: 2,
      layers: [
        { depth: 0, hu: 70, texture: 8, label: "background" },
        { depth: 2.2, hu: leveled(level, () => stool), texture: mottling, label: "background" },
      ],
    };
  });
}

function haustra(chain: readonly Ball[], random: Random): Ball[] {
  const phase = 6 * random.next();
  return chain.map(({ at, radius }, i) => ({ at, radius: radius * (1 + 0.13 * Math.sin(1.7 * i + phase)) }));
}

/** Loops of jejunum and ileum in the middle and lower abdomen. */
export function smallBowel(body: Body, random: Random): Tissue[] {
  const front = -body.habitus.halfDepth + body.habitus.fatFront + 26;
  const wide = body.habitus.halfWidth - 72;
  return Array.from({ length: 22 }, (_, loop): Tissue => {
    let at: Point3 = [
      between(random, -0.85 * wide, wide) + 4,
      between(random, front, 14),
      between(random, -118, loop < 3 ? -20 : -46),
    ];
    let heading = 2 * Math.PI * random.next();
    let dip = 0.6 * random.normal();
    const radius = between(random, 9, 13);
    const balls: Ball[] = [];
    for (let step = 0; step < 9; step++) {
      balls.push({ at, radius: radius * between(random, 0.88, 1.1) });
      heading += 0.75 * random.normal();
      dip = 0.6 * dip + 0.35 * random.normal();
      at = [
        Math.min(Math.max(at[0] + 15 * Math.cos(heading), -wide), wide + 8),
        Math.min(Math.max(at[1] + 15 * Math.sin(heading), front), 20),
        at[2] + 13 * Math.sin(dip),
      ];
    }
    const shape = within(tube(refineChain(balls, 2), 2.5), offset(body.cavity, 4));
    const gassy = random.next() < 0.2;
    const fluid = between(random, 12, 48);
    const level = gassy ? balls[4]!.at[1] - between(random, 0, 5) : -999;
    return {
      shape,
      step: 2,
      layers: [
        { depth: 0, hu: between(random, 80, 110), texture: 9, label: "background" },
        { depth: 2.3, hu: leveled(level, () => fluid), texture: 15, label: "background" },
      ],
    };
  });
}

/** Branches of the mesenteric vessels: dots and short lines in the fat. */
export function mesentericVessels(body: Body, random: Random): Tissue[] {
  const front = -body.habitus.halfDepth + body.habitus.fatFront + 18;
  return Array.from({ length: 46 }, () => {
    const angle = between(random, Math.PI, 2 * Math.PI);
    const reach = between(random, 30, 85);
    const z = between(random, -115, 10);
    const root: Point3 = [between(random, -10, 12), -18, z + 18];
    const end: Point3 = [
      root[0] + reach * Math.cos(angle),
      Math.max(root[1] + 0.75 * reach * Math.sin(angle), front),
      z - between(random, 0, 30),
    ];
    const middle: Point3 = [
      (root[0] + end[0]) / 2 + 6 * random.normal(),
      (root[1] + end[1]) / 2 + 6 * random.normal(),
      (root[2] + end[2]) / 2 + 5 * random.normal(),
    ];
    const radius = between(random, 1, 2);
    return solid(
      tube([
        { at: root, radius: radius * 1.3 },
        { at: middle, radius },
        { at: end, radius: radius * 0.6 },
      ]),
      1,
      120,
      0,
      "unchanged",
    );
  });
}
