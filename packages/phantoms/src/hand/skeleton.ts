import type { Random } from "@samrefine/core";
import { closedCurve, type Point } from "../raster/outline.ts";
import type { Bone, HandClass } from "./bone.ts";
import { headOf, type TubularBoneSpec, type TubularKind, type TubularSize, tubularBone } from "./tubular-bones.ts";
import { carpalBones, ellipse, forearmBones } from "./wrist-bones.ts";

/** What a person is born with. */
export interface HandAnatomy {
  /** 1 = a hand whose third metacarpal is 65 mm long. */
  readonly size: number;
  /** Multiplies widths of bones, not lengths. */
  readonly robustness: number;
  /** Cortical thickness: below 1 osteopenic. */
  readonly cortexFactor: number;
  /** Cancellous bone volume fraction. */
  readonly spongiosaFraction: number;
  readonly jointSpaceMm: number;
  readonly ulnarVarianceMm: number;
  readonly crowding: number;
  /** 0 in adults. */
  readonly growthPlateMm: number;
  /** Soft tissue around the bones relative to a lean hand. */
  readonly fleshiness: number;
  readonly seed: Random;
}

/** How the hand lies on the detector. */
export interface HandPose {
  /** Extra angle between neighbouring fingers, radians. */
  readonly spread: number;
  readonly thumbAngle: number;
  readonly deviation: number;
  readonly fingerAngles: readonly number[];
  readonly kinks: readonly (readonly number[])[];
}

export interface Finger {
  /** Joint centres from the base of the metacarpal to the fingertip, hand frame in mm. */
  readonly joints: readonly Point[];
}

export interface Skeleton {
  readonly bones: readonly Bone[];
  /** Thumb first. */
  readonly fingers: readonly Finger[];
}

interface RayTemplate {
  readonly base: Point;
  readonly angle: number;
  readonly bow: number;
  readonly sizes: readonly (readonly [kind: TubularKind, size: TubularSize])[];
}

const tubular = (length: number, base: number, waist: number, head: number): TubularSize => ({
  length,
  base,
  waist,
  head,
});

/** Adult means; thumb first. Angles in radians from +y towards the thumb. */
const RAYS: readonly RayTemplate[] = [
  {
    base: [22.6, 12.2],
    angle: 0.72,
    bow: -0.9,
    sizes: [
      ["metacarpal", tubular(45.5, 15.5, 10.4, 15)],
      ["proximal", tubular(31.5, 14, 8.8, 12.2)],
      ["distal", tubular(22, 12.6, 7.2, 9.2)],
    ],
  },
  {
    base: [10.4, 13.2],
    angle: 0.115,
    bow: 0.5,
    sizes: [
      ["metacarpal", tubular(67.5, 15.6, 8.6, 14.8)],
      ["proximal", tubular(40.5, 14.8, 9.2, 11.6)],
      ["middle", tubular(23.4, 12.8, 7.8, 9.8)],
      ["distal", tubular(16.8, 10.4, 5.5, 7.5)],
    ],
  },
  {
    base: [0.6, 14.2],
    angle: 0,
    bow: 0.3,
    sizes: [
      ["metacarpal", tubular(65, 13.4, 8.5, 14.8)],
      ["proximal", tubular(44.8, 15, 9.5, 11.9)],
      ["middle", tubular(28.2, 13.2, 8, 10.2)],
      ["distal", tubular(17.6, 10.8, 5.7, 7.8)],
    ],
  },
  {
    base: [-9.6, 13.2],
    angle: -0.115,
    bow: -0.4,
    sizes: [
      ["metacarpal", tubular(58, 11.2, 6.8, 13)],
      ["proximal", tubular(41.8, 14, 8.6, 11)],
      ["middle", tubular(26.6, 12.3, 7.4, 9.6)],
      ["distal", tubular(17.6, 10.4, 5.5, 7.6)],
    ],
  },
  {
    base: [-16.9, 10.6],
    angle: -0.27,
    bow: -0.8,
    sizes: [
      ["metacarpal", tubular(54, 12, 7.2, 12.2)],
      ["proximal", tubular(33.2, 12.8, 7.6, 9.4)],
      ["middle", tubular(19, 10.6, 6.4, 8.2)],
      ["distal", tubular(16, 9, 4.7, 6.5)],
    ],
  },
];

const PHALANX_CLASS: Readonly<Record<Exclude<TubularKind, "metacarpal">, HandClass>> = {
  proximal: "proximal-phalanges",
  middle: "middle-phalanges",
  distal: "distal-phalanges",
};

const METACARPAL_CLASS: readonly HandClass[] = [
  "metacarpal-1",
  "metacarpal-2",
  "metacarpal-3",
  "metacarpal-4",
  "metacarpal-5",
];

/** Poses the bones. Shape depends on the anatomy alone, so that one person looks the same in every image. */
export function buildSkeleton(anatomy: HandAnatomy, pose: HandPose, forearmEndMm: number): Skeleton {
  const shape = anatomy.seed.fork("shape");
  const wrist = {
    crowding: anatomy.crowding,
    ulnarVarianceMm: anatomy.ulnarVarianceMm,
    deviation: pose.deviation,
    cortexFactor: anatomy.cortexFactor,
    growthPlateMm: anatomy.growthPlateMm,
  };
  const bones: Bone[] = [
    ...forearmBones(wrist, forearmEndMm, shape.fork("forearm")),
    ...carpalBones(wrist, shape.fork("carpals")),
  ];
  const fingers: Finger[] = [];
  RAYS.forEach((ray, index) => {
    const chain = buildRay(ray, index, anatomy, pose, shape.fork(`ray ${index}`));
    bones.push(...chain.bones);
    fingers.push(chain.finger);
  });
  const thumbHead = fingers[0]!.joints[1]!;
  for (const side of [-1, 1]) {
    const angle = pose.thumbAngle;
    const centre: Point = [
      thumbHead[0] + side * 4.4 * Math.cos(angle) - 3.2 * Math.sin(angle),
      thumbHead[1] - side * 4.4 * Math.sin(angle) - 3.2 * Math.cos(angle),
    ];
    bones.push({
      class: "sesamoid",
      outline: closedCurve(ellipse(centre, 1.9, 2.5, -angle), 0.3),
      axis: { from: centre, to: [centre[0], centre[1] + 1] },
      cortexMm: () => 0.6,
      spongiosa: () => 1,
      depth: 0.8,
      ridges: [],
    });
  }
  return { bones, fingers };
}

function buildRay(
  ray: RayTemplate,
  index: number,
  anatomy: HandAnatomy,
  pose: HandPose,
  random: Random,
): { readonly bones: readonly Bone[]; readonly finger: Finger } {
  const isThumb = index === 0;
  let angle = isThumb ? pose.thumbAngle : ray.angle + 0.35 * pose.spread * (2.2 - index);
  let base: Point = ray.base;
  const joints: Point[] = [base];
  const bones: Bone[] = [];
  ray.sizes.forEach(([kind, mean], place) => {
    if (place === 1) angle += isThumb ? 0.05 : 0.4 * pose.spread * (2.2 - index) - 0.45 * ray.angle;
    if (place > 0) angle += pose.kinks[index]?.[place] ?? 0;
    if (place === 1) angle += pose.fingerAngles[index] ?? 0;
    const wide = anatomy.robustness * (1 + 0.02 * random.normal());
    const spec: TubularBoneSpec = {
      kind,
      class: kind === "metacarpal" ? METACARPAL_CLASS[index]! : PHALANX_CLASS[kind],
      size: {
        length: mean.length * (1 + 0.025 * random.normal()),
        base: mean.base * wide,
        waist: mean.waist * wide * (1 + 0.03 * random.normal()),
        head: mean.head * wide,
      },
      base,
      angle,
      bow: kind === "metacarpal" ? ray.bow + 0.2 * random.normal() : 0.15 * random.normal(),
      cortexFactor: anatomy.cortexFactor,
      growthPlateMm: anatomy.growthPlateMm,
    };
    bones.push(tubularBone(spec, random));
    const tip = headOf(spec);
    joints.push(tip);
    const gap = anatomy.jointSpaceMm * (place === 0 ? 0.62 : 0.55) * (isThumb ? 1 : 1 - 0.04 * place);
    base = [tip[0] + gap * Math.sin(angle), tip[1] + gap * Math.cos(angle)];
  });
  return { bones, finger: { joints } };
}
