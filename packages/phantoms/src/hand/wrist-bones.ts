import type { Random } from "@samrefine/core";
import { closedCurve, openCurve, type Point } from "../raster/outline.ts";
import { type Bone, type HandClass, type Ridge, smoothStep } from "./bone.ts";

interface CarpalTemplate {
  readonly class: HandClass;
  readonly points: readonly Point[];
  readonly ridges: readonly (readonly Point[])[];
  readonly depth: number;
}

/** Outlines of an adult left wrist in neutral position, postero-anterior, hand frame in mm. */
const CARPALS: readonly CarpalTemplate[] = [
  {
    class: "capitate",
    depth: 0.98,
    points: [
      [0, -11.6],
      [3.6, -10.3],
      [5.6, -6.8],
      [5.3, -3],
      [4.6, 0],
      [5.4, 4],
      [7, 8.6],
      [6.8, 11.8],
      [2, 12.9],
      [-3, 12.7],
      [-6.4, 11.4],
      [-6.2, 6],
      [-5.9, 0],
      [-6, -5],
      [-4, -9.6],
    ],
    ridges: [
      [
        [-4.8, -4.2],
        [0, -2.6],
        [4.4, -2.8],
      ],
      [
        [-5.2, 9.8],
        [0, 10.9],
        [5.4, 9.6],
      ],
    ],
  },
  {
    class: "hamate",
    depth: 0.95,
    points: [
      [-7, -9.3],
      [-6.1, -6],
      [-6.1, 0],
      [-6.4, 6],
      [-7, 11.6],
      [-9.5, 12.2],
      [-13, 11],
      [-17.5, 9.4],
      [-20.3, 6],
      [-18.8, 2],
      [-15, -2.6],
      [-11, -6.8],
      [-8.6, -9.2],
    ],
    // The hook, seen end on.
    ridges: [
      [
        [-12.6, 1.4],
        [-10.3, 2.6],
        [-10.2, 5.4],
        [-12.4, 6.6],
        [-14.5, 5.2],
        [-14.4, 2.6],
        [-12.6, 1.4],
      ],
      [
        [-8, 9.4],
        [-13, 8.8],
        [-17.4, 7.2],
      ],
    ],
  },
  {
    class: "lunate",
    depth: 0.95,
    points: [
      [-9.3, -12.6],
      [-9.9, -16.6],
      [-8, -20.8],
      [-3, -23.4],
      [2.2, -22.6],
      [5.2, -18.9],
      [5.2, -14.8],
      [3.4, -11.6],
      [1, -12.6],
      [-2.5, -12.3],
      [-5.4, -9.9],
      [-7.6, -9.2],
    ],
    ridges: [
      [
        [-7.6, -13],
        [-3.4, -14.6],
        [1.4, -14.4],
        [4.2, -13.2],
      ],
    ],
  },
  {
    class: "triquetrum",
    depth: 0.8,
    points: [
      [-9.6, -8.8],
      [-10.4, -13],
      [-12.4, -16.8],
      [-16.6, -17.4],
      [-20.4, -13.6],
      [-21.8, -8],
      [-20.4, -2],
      [-18.6, -0.8],
      [-16, -3.6],
      [-12.6, -7.2],
    ],
    ridges: [
      [
        [-12, -10],
        [-15.8, -8],
        [-19, -4.4],
      ],
    ],
  },
  {
    class: "scaphoid",
    depth: 0.82,
    points: [
      [5.6, -13],
      [5.9, -17.4],
      [9, -20.6],
      [13.4, -19.4],
      [16.6, -15.4],
      [18.3, -10.6],
      [19.8, -5.4],
      [19.4, -1.2],
      [16, 0.6],
      [12, -0.6],
      [8.8, -2.2],
      [6.8, -5.4],
      [6.6, -9.4],
    ],
    ridges: [
      [
        [11.6, -4.6],
        [13.8, -7.4],
        [17.2, -7.2],
        [18.4, -4],
      ],
      [
        [8.2, -12.6],
        [11.4, -11],
        [15.6, -11.6],
      ],
    ],
  },
  {
    class: "trapezoid",
    depth: 0.9,
    points: [
      [5.6, 1],
      [7.8, -1.6],
      [11.6, -0.2],
      [14.6, 1.8],
      [14.4, 6.4],
      [13, 11.2],
      [10, 12.9],
      [7.8, 10.4],
      [6, 5],
    ],
    ridges: [
      [
        [7.2, 2.2],
        [10, 1],
        [13.2, 2.4],
      ],
    ],
  },
  {
    class: "trapezium",
    depth: 0.8,
    points: [
      [13, 1.4],
      [17, 1.4],
      [20.6, 0.4],
      [24.2, 3],
      [25.6, 7.4],
      [23, 11.4],
      [19.4, 12.4],
      [15, 13],
      [13, 9.8],
      [12.4, 5.4],
    ],
    ridges: [
      [
        [15.4, 3.6],
        [16.6, 7],
        [15.8, 10.6],
      ],
      [
        [18, 4],
        [22, 4.6],
        [23.6, 7.4],
      ],
    ],
  },
];

export interface WristVariation {
  /** Multiplies carpal outlines about their centres: above 1 they overlap more. */
  readonly crowding: number;
  /** Ulna relative to the radius, mm, positive distally. */
  readonly ulnarVarianceMm: number;
  /** Radial and ulnar bend of the hand against the forearm, radians. */
  readonly deviation: number;
  readonly cortexFactor: number;
  readonly growthPlateMm: number;
}

/** The bones between the forearm and the metacarpals. */
export function carpalBones(variation: WristVariation, random: Random): Bone[] {
  const bones = CARPALS.map((template) => carpal(template, variation, random));
  // The pisiform lies in front of the triquetrum and casts its shadow on it.
  const centre: Point = [-17.2 + 0.9 * random.normal(), -9.2 + 1.1 * random.normal()];
  const pisiform = ellipse(centre, 4.7 + 0.3 * random.normal(), 5.7 + 0.3 * random.normal(), 0.3 * random.normal());
  bones.push({
    class: "pisiform",
    outline: closedCurve(jitter(pisiform, 0.18, random), 0.3),
    axis: { from: centre, to: [centre[0], centre[1] + 1] },
    cortexMm: () => 0.45,
    spongiosa: () => 1,
    depth: 0.85,
    ridges: [],
  });
  return bones;
}

function carpal(template: CarpalTemplate, variation: WristVariation, random: Random): Bone {
  const centre = centreOf(template.points);
  const stretchX = variation.crowding * (1 + 0.03 * random.normal());
  const stretchY = variation.crowding * (1 + 0.03 * random.normal());
  const turn = 0.035 * random.normal();
  const shift: Point = [0.25 * random.normal(), 0.25 * random.normal()];
  const place = ([x, y]: Point): Point => {
    const u = (x - centre[0]) * stretchX;
    const v = (y - centre[1]) * stretchY;
    return [
      centre[0] + shift[0] + u * Math.cos(turn) - v * Math.sin(turn),
      centre[1] + shift[1] + u * Math.sin(turn) + v * Math.cos(turn),
    ];
  };
  const ridges = template.ridges.map(
    (line): Ridge => ({
      line: openCurve(jitter(line, 0.25, random), 0.3).map(place),
      thicknessMm: 1.1 + 0.5 * random.next(),
      sigmaMm: 0.32,
    }),
  );
  return {
    class: template.class,
    outline: closedCurve(jitter(template.points, 0.28, random).map(place), 0.3),
    axis: { from: centre, to: [centre[0], centre[1] + 1] },
    cortexMm: () => 0.42 * variation.cortexFactor,
    spongiosa: () => 1.3,
    depth: template.depth,
    ridges,
  };
}

/** Hinge of the wrist: the middle of the capitate's head. */
const HINGE: Point = [-0.5, -7];

/** How much closer the forearm lies than in the templates. */
const RADIOCARPAL_MM = 0.7;

/** Radius and ulna, down to `endMm` (negative, hand frame). */
export function forearmBones(variation: WristVariation, endMm: number, random: Random): Bone[] {
  const swing = (point: Point): Point => {
    const sin = Math.sin(-0.6 * variation.deviation);
    const cos = Math.cos(-0.6 * variation.deviation);
    const u = point[0] - HINGE[0];
    const v = point[1] - HINGE[1];
    return [HINGE[0] + u * cos + v * sin, HINGE[1] - u * sin + v * cos + RADIOCARPAL_MM];
  };
  const radius: Point[] = [
    [-7, -25.8],
    [-2.4, -25.9],
    [3, -24.9],
    [7.4, -23.2],
    [12, -21.6],
    [16.6, -18.4],
    [19.6, -14.4],
    [21.6, -12.6],
    [23, -15],
    [23.2, -20],
    [22.4, -26],
    [20, -34],
    [17.4, -44],
    [15.8, -56],
    [15.2, -70],
    [15, endMm],
    [1, endMm],
    [0.8, -70],
    [0.4, -56],
    [-1.6, -46],
    [-5.4, -37.4],
    [-8, -32.4],
    [-8.7, -28.4],
  ];
  const up = variation.ulnarVarianceMm;
  const ulna: Point[] = [
    [-10.4, -29.6 + up],
    [-12.4, -27.4 + up],
    [-16.4, -26.6 + up],
    [-20, -27.2 + up],
    [-21.7, -25 + up],
    [-22.8, -21.6 + up],
    [-24.2, -22.6 + up],
    [-24.9, -27 + up],
    [-24.6, -32 + up],
    [-23.4, -38 + up],
    [-22.4, -47],
    [-22.4, -62],
    [-22.6, endMm],
    [-12.4, endMm],
    [-12.2, -62],
    [-11.8, -47],
    [-10.6, -38 + up],
    [-9.8, -33 + up],
  ];
  const shaft = (distalEnd: number, thickness: number): ((along: number) => number) => {
    const length = distalEnd - endMm;
    return (along) => {
      const fromEnd = (1 - along) * length;
      return 0.75 + (thickness * variation.cortexFactor - 0.75) * smoothStep(12, 50, fromEnd);
    };
  };
  const cancellous = (distalEnd: number): ((along: number) => number) => {
    const length = distalEnd - endMm;
    return (along) => 1 - 0.82 * smoothStep(8, 42, (1 - along) * length);
  };
  const plate = variation.growthPlateMm > 0 ? { growthPlateMm: variation.growthPlateMm * 1.2 } : undefined;
  const forearm = (
    which: "radius" | "ulna",
    points: readonly Point[],
    middle: number,
    end: number,
    lines: readonly (readonly Point[])[],
  ): Bone => ({
    class: which,
    outline: closedCurve(jitterAbove(points, endMm + 4, 0.3, random).map(swing), 0.4),
    axis: { from: swing([middle, endMm]), to: swing([middle, end]) },
    cortexMm: shaft(end, which === "radius" ? 3.1 : 2.6),
    spongiosa: cancellous(end),
    depth: which === "radius" ? 0.66 : 0.7,
    screenMm: 9,
    ridges: lines.map((line, i) => ({
      line: openCurve(line, 0.3).map(swing),
      thicknessMm: i === 0 ? 2.2 : 1.5,
      sigmaMm: 0.4,
    })),
    ...(plate ? { growthPlate: { at: 1 - 7.5 / (end - endMm), widthMm: plate.growthPlateMm } } : {}),
  });
  return [
    forearm("radius", radius, 8, -23, [
      [
        [-6, -28.2],
        [-1, -28.4],
        [5, -26.8],
        [11, -24.6],
        [16, -21.4],
        [19, -17.8],
      ],
      [
        [-6.6, -27],
        [-6.2, -31],
        [-3.6, -35.4],
      ],
    ]),
    forearm("ulna", ulna, -17.2, -27 + up, [
      [
        [-12, -30 + up],
        [-16.4, -29 + up],
        [-20.6, -29.8 + up],
        [-22, -27.4 + up],
      ],
    ]),
  ];
}

export function ellipse(centre: Point, radiusX: number, radiusY: number, turn: number): Point[] {
  return Array.from({ length: 12 }, (_, i): Point => {
    const angle = (i / 12) * 2 * Math.PI;
    const u = radiusX * Math.cos(angle);
    const v = radiusY * Math.sin(angle);
    return [centre[0] + u * Math.cos(turn) - v * Math.sin(turn), centre[1] + u * Math.sin(turn) + v * Math.cos(turn)];
  });
}

function centreOf(points: readonly Point[]): Point {
  const sum = points.reduce(([x, y], p): Point => [x + p[0], y + p[1]], [0, 0] as Point);
  return [sum[0] / points.length, sum[1] / points.length];
}

function jitter(points: readonly Point[], sigma: number, random: Random): Point[] {
  return points.map(([x, y]): Point => [x + sigma * random.normal(), y + sigma * random.normal()]);
}

function jitterAbove(points: readonly Point[], level: number, sigma: number, random: Random): Point[] {
  return jitter(points, sigma, random).map((p, i) => (points[i]![1] > level ? p : points[i]!));
}
