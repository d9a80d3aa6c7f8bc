import type { Random } from "@samrefine/core";
import { type Body, lungs } from "./body.ts";
import { colon, duodenum, mesentericVessels, smallBowel, stomachShape, stomachTissue } from "./digestive-tract.ts";
import {
  type Ball,
  bumpy,
  ellipsoid,
  type Field,
  offset,
  type Point3,
  refineChain,
  remembered,
  type Shape,
  tube,
  union,
  within,
  without,
} from "./field.ts";
import { buildRibs, buildSpine, type Spine } from "./skeleton.ts";
import { type AbdomenClass, solid, type Tissue } from "./tissue.ts";

/** Enhancement of one portal venous scan, HU. */
interface Enhancement {
  readonly liver: number;
  readonly spleen: number;
  readonly cortex: number;
  readonly medulla: number;
  readonly artery: number;
  readonly vein: number;
  readonly cava: number;
  readonly pancreas: number;
  readonly muscle: number;
}

function between(random: Random, from: number, to: number): number {
  return from + (to - from) * random.next();
}

function drawEnhancement(random: Random): Enhancement {
  const dose = between(random, 0.8, 1.15);
  return {
    liver: 55 + 52 * dose + between(random, -10, 8),
    spleen: 48 + 72 * dose + between(random, -5, 5),
    cortex: 40 + 150 * dose,
    medulla: 40 + between(random, 80, 130) * dose,
    artery: 40 + between(random, 105, 150) * dose,
    vein: 40 + between(random, 105, 140) * dose,
    cava: 40 + between(random, 70, 125) * dose,
    pancreas: 38 + 58 * dose + between(random, -10, 5),
    muscle: 55 + between(random, -6, 8),
  };
}

/** Everything in the scan, in the order in which it is painted. */
export function abdomen(body: Body, random: Random): Tissue[] {
  const e = drawEnhancement(random.fork("enhancement"));
  const phase = between(random, -17, 17);
  const spine = buildSpine(body, phase, between(random, 0.93, 1.07));
  const ribs = buildRibs(body, phase + 8, between(random, 38, 50));
  const scale = body.habitus.halfWidth / 160;
  const stomach = remembered(stomachShape(body, scale, random.fork("stomach")), 1.5);
  const kidneys = (["right", "left"] as const).map((side) => buildKidney(side, body, spine, random.fork(side)));
  const gallbladder = buildGallbladder(body, random.fork("gallbladder"));
  const liver = remembered(buildLiver(body, spine, kidneys[0]!, scale, random.fork("liver")), 1.5);
  const spleen = buildSpleen(body, stomach, kidneys[1]!, random.fork("spleen"));
  const vessels = buildGreatVessels(spine, kidneys, random.fork("vessels"));
  return [
    ...wallTissues(body, e, ribs),
    ...chestTissues(body, spine, e, random.fork("chest")),
    ...mesentericVessels(body, random.fork("mesentery")),
    ...smallBowel(body, random.fork("small bowel")),
    ...colon(body, liver, random.fork("colon")),
    ...backMuscles(body, spine, e),
    ...spineTissues(spine),
    duodenum(random.fork("duodenum")),
    stomachTissue(stomach, random.fork("stomach filling")),
    solid(pancreasShape(scale, random.fork("pancreas")), 1.4, e.pancreas, 13, "pancreas"),
    solid(spleen, 2, e.spleen, 4, "spleen"),
    solid(liver, 2, e.liver, 5, "liver"),
    ...liverVessels(e, random.fork("liver vessels")),
    ...lesions(liver, "liver", random.fork("liver lesions")),
    {
      shape: gallbladder,
      step: 1.6,
      layers: [
        { depth: 0, hu: 62, texture: 4, label: "gallbladder" },
        { depth: 1.3, hu: between(random, 4, 16), texture: 2, label: "gallbladder" },
      ],
    },
    ...adrenals(spine),
    ...kidneys.flatMap((kidney) => kidneyTissues(kidney, e)),
    ...vesselTissues(vessels, e, random.fork("plaques")),
  ];
}

function wallTissues(body: Body, e: Enhancement, ribs: ReturnType<typeof buildRibs>): Tissue[] {
  const bounds = body.whole;
  const sheet = (depth: number): Shape => ({
    bounds,
    // Fat planes between the flat muscles of the flank; none in front and behind.
    field: (x, y, z) =>
      Math.abs(body.muscle(x, y, z) + depth) - 0.55 + 3 * Math.exp(-((x / 75) ** 6)) + (y > 30 ? 3 : 0),
  });
  const linea: Field = (x, y, z) =>
    Math.max(Math.abs(x) - 3.2, body.muscle(x, y, z), -body.cavity(x, y, z) - 1, y + 20);
  return [
    {
      shape: { bounds, field: body.skin },
      step: 2,
      layers: [
        { depth: 0, hu: 5, texture: 10, label: "background" },
        { depth: 1.8, hu: -104, texture: 7, label: "background" },
      ],
    },
    solid({ bounds, field: body.muscle }, 2, e.muscle, 8, "background"),
    solid(sheet(4.2), 1.2, -30, 0, "background"),
    solid(sheet(8.2), 1.2, -10, 0, "background"),
    solid({ bounds, field: linea }, 1.5, 20, 0, "background"),
    solid({ bounds, field: body.cavity }, 2, -101, 9, "background"),
    solid(ribs.cartilage, 1.2, 105, 12, "background"),
    {
      shape: ribs.bone,
      step: 1.2,
      layers: [
        { depth: 0, hu: 480, texture: 40, label: "background" },
        { depth: 1.5, hu: 170, texture: 45, label: "background" },
      ],
    },
  ];
}

/** Erector spinae, quadratus lumborum, psoas and the crura of the diaphragm, each in its sheet of fat. */
function backMuscles(body: Body, spine: Spine, e: Enhancement): Tissue[] {
  const low = body.whole.min[2];
  const high = body.whole.max[2];
  const [, top] = spine.center(high);
  const [, mid] = spine.center(0);
  const [, bottom] = spine.center(low);
  const result: Tissue[] = [];
  for (const side of [-1, 1] as const) {
    const erector = ellipsoid([side * 33, mid + 42, 0], [27, 17, 400], side * 0.22);
    const quadratus = ellipsoid([side * 62, mid + 24, -70], [19, 8, 62], side * 0.5);
    const psoas = tube([
      { at: [side * 27, top + 12, 30], radius: 4 },
      { at: [side * 30, mid + 8, -15], radius: 9 },
      { at: [side * 37, bottom + 6, -70], radius: 16.5 },
      { at: [side * 42, bottom + 2, low - 20], radius: 20 },
    ]);
    const crus = tube([
      { at: [side * 13, mid - 18, -25], radius: 3.4 },
      { at: [side * 17, mid - 24, 30], radius: 4.2 },
      { at: [side * 20, top - 26, 70], radius: 4 },
    ]);
    for (const [shape, rim] of [
      [erector, 1.1],
      [quadratus, 1.4],
      [psoas, 0],
    ] as const) {
      const limited = within(shape, offset(body.muscle, 1.5));
      if (rim > 0)
        result.push(solid({ bounds: limited.bounds, field: offset(limited.field, -rim) }, 1.6, -35, 10, "background"));
      result.push(solid(limited, 1.6, e.muscle, 11, "background"));
    }
    result.push(solid(crus, 1.4, e.muscle, 6, "background"));
  }
  return result;
}

function spineTissues(spine: Spine): Tissue[] {
  return [
    solid(spine.canal, 1.4, -25, 20, "background"),
    solid(spine.thecalSac, 1.4, 28, 6, "background"),
    solid(spine.discs, 1.4, 92, 7, "background"),
    {
      shape: spine.vertebrae,
      step: 1.1,
      layers: [
        { depth: 0, hu: 430, texture: 55, label: "vertebrae" },
        { depth: 1.6, hu: 185, texture: 38, label: "vertebrae" },
      ],
    },
  ];
}

function buildLiver(body: Body, spine: Spine, rightKidney: Kidney, scale: number, random: Random): Shape {
  const low = between(random, -14, 14);
  const leftReach = between(random, 54, 84);
  const f = body.habitus.halfDepth / 108;
  const lobes = union(
    [
      ellipsoid([-76 * scale, -4, 24], [80 * scale, 86 * f, 74]),
      ellipsoid([-4, -48 * f, 44], [leftReach, 33 * f, 36]),
      ellipsoid([-96 * scale, 6, -24 + low], [46, 58 * f, 58]),
    ],
    26,
  );
  const [, cy] = spine.center(20);
  const pillar: Field = (x, y) => Math.hypot(x / 1.25, y - cy + 4) - 32;
  const hilum = ellipsoid([-28, 4, -12], [34, 34, 30]);
  const fissure = tube([
    { at: [-6, -100, -4], radius: 7 },
    { at: [-14, -42, 12], radius: 4 },
    { at: [-22, -20, 20], radius: 3 },
  ]);
  let shape = within(lobes, offset(body.cavity, 3), offset(body.aboveDiaphragm, 3));
  shape = bumpy(shape, 4.5, 75, random);
  shape = without(shape, pillar, 0, 10);
  shape = without(shape, hilum, 0, 12);
  shape = without(shape, rightKidney.capsule, 5, 10);
  shape = without(shape, fissure, 0, 4);
  return within(shape, offset(body.cavity, 2));
}

function buildSpleen(body: Body, stomach: Shape, leftKidney: Kidney, random: Random): Shape {
  const size = between(random, 0.86, 1.12);
  const side = body.habitus.halfWidth - body.habitus.fatSide - body.habitus.wall;
  const center: Point3 = [side - 30, 30 + between(random, -6, 6), 40 + between(random, -8, 8)];
  let shape: Shape = ellipsoid(center, [37 * size, 54 * size, 54 * size], -0.35);
  shape = within(shape, offset(body.cavity, 3.5), offset(body.aboveDiaphragm, 4));
  shape = without(shape, ellipsoid([center[0] - 37, center[1] - 10, center[2]], [25, 30, 60]), 0, 8);
  shape = without(shape, leftKidney.capsule, 5, 8);
  shape = without(shape, stomach, 2.5, 6);
  return bumpy(shape, 2, 40, random);
}

function buildGallbladder(body: Body, random: Random): Shape {
  const full = between(random, 0.75, 1.15);
  const f = body.habitus.halfDepth / 108;
  return bumpy(
    tube(
      refineChain(
        [
          { at: [-38, -28 * f, -4], radius: 5 },
          { at: [-50, -36 * f, -14], radius: 11 * full },
          { at: [-60, -46 * f, -28], radius: 15 * full },
          { at: [-64, -54 * f, -44], radius: 13 * full },
        ],
        4,
      ),
      3,
    ),
    1,
    30,
    random,
  );
}

function pancreasShape(scale: number, random: Random): Shape {
  const s = between(random, 0.88, 1.12);
  const lift = between(random, -6, 6);
  const balls: Ball[] = [
    { at: [-34, -14, -34 + lift], radius: 11 * s },
    { at: [-34, -18, -18 + lift], radius: 14.5 * s },
    { at: [-22, -24, -6 + lift], radius: 12 * s },
    { at: [-4, -29, 2 + lift], radius: 9.5 * s },
    { at: [22, -24, 8 + lift], radius: 10 * s },
    { at: [46 * scale, -6, 16 + lift], radius: 10 * s },
    { at: [68 * scale, 12, 26 + lift], radius: 9 * s },
    { at: [82 * scale, 22, 32 + lift], radius: 6.5 * s },
  ];
  return bumpy(tube(refineChain(balls, 3), 4), 1.9, 12, random);
}

export interface Kidney {
  readonly side: "right" | "left";
  /** Surface without the hilum carved out. */
  readonly capsule: Shape;
  readonly parenchyma: Shape;
  readonly pyramids: readonly Shape[];
  readonly pelvis: Shape;
  readonly hilum: Point3;
  readonly cysts: readonly Shape[];
}

function buildKidney(side: "right" | "left", body: Body, spine: Spine, random: Random): Kidney {
  const sign = side === "left" ? 1 : -1;
  const size = between(random, 0.9, 1.12);
  const [, cy] = spine.center(-10);
  const z0 = (side === "left" ? -4 : -20) + between(random, -9, 9);
  const x0 = sign * (58 + between(random, -3, 6) + (body.habitus.halfWidth - 160) * 0.25);
  const y0 = cy + 8 + between(random, -5, 4);
  // The hilum looks to the middle and the front; the upper pole leans to the middle and the back.
  const toHilum = Math.atan2(-0.62, -sign);
  const cos = Math.cos(toHilum);
  const sin = Math.sin(toHilum);
  const place = (u: number, v: number, w: number): Point3 => [
    x0 + size * (u * cos - v * sin) - sign * 0.16 * w * size,
    y0 + size * (u * sin + v * cos) + 0.12 * w * size,
    z0 + size * w,
  ];
  const leaning = (shape: Shape): Shape => ({
    bounds: {
      min: [shape.bounds.min[0] - 12, shape.bounds.min[1] - 9, shape.bounds.min[2]],
      max: [shape.bounds.max[0] + 12, shape.bounds.max[1] + 9, shape.bounds.max[2]],
    },
    field: (x, y, z) => shape.field(x + sign * 0.16 * (z - z0), y - 0.12 * (z - z0), z),
  });
  const outline = leaning(ellipsoid([x0, y0, z0], [26 * size, 30 * size, 56 * size], toHilum));
  const capsule = remembered(bumpy(outline, 1.5, 34, random.fork("surface")), 1.2);
  const mouth = leaning(
    ellipsoid([x0 + 19 * size * cos, y0 + 19 * size * sin, z0], [21 * size, 11.5 * size, 29 * size], toHilum),
  );
  const sinus = bumpy(mouth, 2.2, 15, random.fork("sinus"));
  const pyramids = Array.from({ length: 16 }, (_, i) => {
    const w = -40 + 80 * ((i % 4) / 3) + between(random, -4, 4);
    const angle = (-0.72 + 1.44 * (Math.floor(i / 4) / 3)) * Math.PI + 0.12 * random.normal();
    const squeeze = Math.sqrt(Math.max(0.15, 1 - (w / 56) ** 2));
    return ellipsoid(place(6 - 19 * squeeze * Math.cos(angle), 20 * squeeze * Math.sin(angle), w), [5.6, 5.6, 7]);
  });
  const hilum = place(34, 0, 0);
  const pelvis = tube([
    { at: place(10, 1, 12), radius: 3 },
    { at: place(17, 1, 2), radius: 4.5 },
    { at: place(12, 0, -14), radius: 3 },
    { at: place(18, 1, -2), radius: 5 },
    { at: place(28, 2, -6), radius: 4.5 },
    { at: place(33, 6, -34), radius: 2.6 },
  ]);
  const cysts: Shape[] = [];
  while (random.next() < 0.4 && cysts.length < 3) {
    const angle = between(random, 0, 2 * Math.PI);
    const radius = between(random, 4, 12);
    cysts.push(
      ellipsoid(place(-18 * Math.cos(angle), 24 * Math.sin(angle), between(random, -38, 38)), [radius, radius, radius]),
    );
  }
  return { side, capsule, parenchyma: without(capsule, sinus, 0, 3), pyramids, pelvis, hilum, cysts };
}

function kidneyTissues(kidney: Kidney, e: Enhancement): Tissue[] {
  const label: AbdomenClass = kidney.side === "left" ? "left-kidney" : "right-kidney";
  return [
    solid(kidney.capsule, 1.6, -95, 12, "background"),
    solid(kidney.pelvis, 1.2, 14, 4, "background"),
    { shape: kidney.parenchyma, step: 1.4, layers: [{ depth: 0, hu: e.cortex, texture: 7, label }] },
    ...kidney.pyramids.map((shape) => ({ ...solid(shape, 1.2, e.medulla, 5, "unchanged"), only: label })),
    ...kidney.cysts.map((shape) => ({ ...solid(shape, 1.4, 6, 2, "unchanged"), only: label })),
  ];
}

interface GreatVessels {
  readonly aorta: Shape;
  readonly cava: Shape;
  readonly arteries: readonly Shape[];
  readonly veins: readonly Shape[];
  readonly aortaPath: readonly Ball[];
}

function buildGreatVessels(spine: Spine, kidneys: readonly Kidney[], random: Random): GreatVessels {
  const caliber = between(random, 8.4, 11.4);
  const drift = between(random, -5, 6);
  const heights = [150, 90, 45, 0, -45, -90, -150];
  const aortaPath = heights.map((z, i): Ball => {
    const [, cy] = spine.center(z);
    return {
      at: [7 + drift * Math.sin(i) * 0.6, cy - 28 + (z > 40 ? (z - 40) * 0.05 : 0), z],
      radius: caliber * (1 + 0.0012 * z),
    };
  });
  const cavaPath = heights.map((z, i): Ball => {
    const [, cy] = spine.center(z);
    return {
      at: [-21 - drift * 0.3 * Math.cos(i), cy - 23 - Math.max(0, z) * 0.27, z],
      radius: between(random, 9.5, 12),
    };
  });
  const aorta = tube(refineChain(aortaPath, 3));
  const squeezed = tube(refineChain(cavaPath, 3));
  const flatten = between(random, 1, 1.35);
  // A cava is wider than deep.
  const cava: Shape = {
    bounds: squeezed.bounds,
    field: (x, y, z) => {
      const [, cy] = spine.center(z);
      const middle = cy - 23 - Math.max(0, z) * 0.27;
      return squeezed.field(x, middle + (y - middle) * flatten, z) / flatten;
    },
  };
  const [, cy] = spine.center(-10);
  const from = (z: number): Point3 => [7, cy - 28, z];
  const [right, left] = [kidneys[0]!.hilum, kidneys[1]!.hilum];
  const vessel = (points: readonly Point3[], start: number, end: number): Shape =>
    tube(
      refineChain(
        points.map((at, i) => ({ at, radius: start + ((end - start) * i) / (points.length - 1) })),
        3,
      ),
    );
  const confluence: Point3 = [-10, cy - 50, 4];
  return {
    aorta,
    cava,
    aortaPath,
    arteries: [
      vessel([from(-6), [-14, cy - 14, -9], right], 3.2, 2.4),
      vessel([from(-3), [28, cy - 16, -5], left], 3.2, 2.4),
      vessel([from(10), [5, cy - 46, 2], [2, cy - 50, -30], [-4, cy - 54, -95]], 4, 2.6),
      vessel([from(26), [5, cy - 48, 30], [-14, cy - 50, 32], [-30, cy - 48, 30]], 3.6, 2.2),
      vessel(
        [
          [5, cy - 48, 30],
          [30, cy - 40, 30],
          [62, cy - 12, 34],
        ],
        2.8,
        2.2,
      ),
    ],
    veins: [
      vessel([[-20, cy - 24, -10], [-32, cy - 16, -13], right], 5, 3.6),
      vessel([[-16, cy - 26, -2], [6, cy - 41, -2], [28, cy - 24, -3], left], 5, 3.8),
      vessel([confluence, [-10, cy - 56, -30], [-12, cy - 60, -100]], 5.8, 4),
      vessel([confluence, [18, cy - 42, 10], [46, cy - 20, 20], [80, cy + 2, 34]], 4.6, 3.6),
      vessel([confluence, [-24, cy - 52, 14], [-38, cy - 46, 24]], 6.6, 6),
    ],
  };
}

function vesselTissues(vessels: GreatVessels, e: Enhancement, random: Random): Tissue[] {
  const plaques = random.next() < 0.55 ? Math.floor(between(random, 2, 9)) : 0;
  return [
    ...vessels.veins.map((shape) => solid(shape, 1.2, e.vein, 4, "background")),
    ...vessels.arteries.map((shape) => solid(shape, 1.1, e.artery, 4, "background")),
    solid(vessels.cava, 1.4, e.cava, 5, "inferior-vena-cava"),
    solid(vessels.aorta, 1.4, e.artery, 4, "aorta"),
    ...Array.from({ length: plaques }, (): Tissue => {
      const near = vessels.aortaPath[(3 + random.next() * 3) | 0]!;
      const angle = 2 * Math.PI * random.next();
      const r = near.radius * 0.9;
      const at: Point3 = [
        near.at[0] + r * Math.cos(angle),
        near.at[1] + r * Math.sin(angle),
        near.at[2] + 20 * random.normal(),
      ];
      return { ...solid(ellipsoid(at, [2.6, 1.6, 4], angle + Math.PI / 2), 0.8, 650, 60, "unchanged"), only: "aorta" };
    }),
  ];
}

/** Hepatic veins from the cava and portal branches from the hilum, as random trees. */
function liverVessels(e: Enhancement, random: Random): Tissue[] {
  const shapes: Shape[] = [];
  const branch = (from: Point3, direction: Point3, radius: number, depth: number): void => {
    const length = 17 + 3.2 * radius + 4 * random.next();
    const to: Point3 = [
      from[0] + direction[0] * length,
      from[1] + direction[1] * length,
      from[2] + direction[2] * length,
    ];
    shapes.push(
      tube([
        { at: from, radius },
        { at: to, radius: radius * 0.8 },
      ]),
    );
    if (depth === 0) return;
    for (const spread of [0.42, -0.5]) {
      const next = normalise([
        direction[0] + spread * between(random, 0.2, 1.5) * (random.next() < 0.5 ? 1 : -1),
        direction[1] + spread * between(random, 0.4, 1.5),
        direction[2] + spread * between(random, -1, 1.2),
      ]);
      branch(to, next, radius * between(random, 0.62, 0.82), depth - 1);
    }
  };
  for (const direction of [
    [-1, 0.15, -0.15],
    [-0.62, -0.75, -0.25],
    [0.25, -1, -0.1],
  ] as const) {
    branch([-24, -2, 66], normalise(direction), 4.6, 3);
  }
  for (const direction of [
    [-0.9, 0.4, -0.25],
    [-0.9, -0.2, 0.4],
    [0.35, -0.8, 0.5],
  ] as const) {
    branch([-40, -10, 24], normalise(direction), 4.6, 3);
  }
  return shapes.map((shape) => ({
    ...solid(shape, 1.3, e.liver + 0.62 * (e.vein - e.liver), 3, "unchanged"),
    only: "liver",
  }));
}

/** Simple cysts and faint metastases: the class stays whole, its grey does not. */
function lesions(host: Shape, only: AbdomenClass, random: Random): Tissue[] {
  const result: Tissue[] = [];
  const count = Math.floor(5 * random.next() * random.next());
  for (let tries = 0; tries < 60 && result.length < count; tries++) {
    const { min, max } = host.bounds;
    const at: Point3 = [
      between(random, min[0], max[0]),
      between(random, min[1], max[1]),
      between(random, min[2], max[2]),
    ];
    const radius = between(random, 3, 13);
    if (host.field(...at) > -radius) continue;
    const hu = random.next() < 0.5 ? 6 : between(random, 45, 75);
    result.push({
      ...solid(bumpy(ellipsoid(at, [radius, radius, radius]), 1, 14, random), 1.3, hu, 4, "unchanged"),
      only,
    });
  }
  return result;
}

function adrenals(spine: Spine): Tissue[] {
  const [, cy] = spine.center(40);
  const limb = (points: readonly Point3[]): Tissue =>
    solid(tube(points.map((at) => ({ at, radius: 2.3 }))), 1.1, 82, 4, "background");
  return [
    limb([
      [30, cy - 18, 48],
      [34, cy - 6, 36],
      [40, cy + 4, 34],
    ]),
    limb([
      [30, cy - 18, 48],
      [30, cy - 4, 36],
    ]),
    limb([
      [-30, cy - 12, 50],
      [-34, cy + 2, 40],
      [-36, cy + 8, 36],
    ]),
  ];
}

function chestTissues(body: Body, spine: Spine, e: Enhancement, random: Random): Tissue[] {
  const dome = body.habitus.dome;
  const heart = within(
    bumpy(ellipsoid([22, -38, dome + 22], [62, 42, 34], 0.3), 2, 40, random),
    offset(body.cavity, 5),
    (x, y, z) => -body.aboveDiaphragm(x, y, z) + 1,
  );
  const [, spineY] = spine.center(90);
  const air = lungs(body, spineY);
  const aroundAorta: Field = (x, y, z) =>
    Math.max(air.field(x, y, z), 3 - heart.field(x, y, z), 13 - Math.hypot(x - 8, y - spineY + 22));
  return [
    solid({ bounds: air.bounds, field: aroundAorta }, 2, -865, 42, "background"),
    solid(heart, 2, e.vein - 15, 8, "background"),
  ];
}

function normalise(v: readonly [number, number, number]): Point3 {
  const length = Math.hypot(...v);
  return [v[0] / length, v[1] / length, v[2] / length];
}
