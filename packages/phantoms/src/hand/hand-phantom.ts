import {
  createRandom,
  type Image2D,
  type ImageGeometry,
  type Random,
  type SegmentDescription,
  type SegmentStack,
} from "@samrefine/core";
import type { Point } from "../raster/outline.ts";
import { type Collimation, type Exposure, expose } from "./exposure.ts";
import { INITIALS, letterStrokes } from "./marker.ts";
import { projectBones } from "./projection.ts";
import { HAND_SEGMENTS } from "./segments.ts";
import { buildSkeleton, type HandAnatomy, type HandPose, type Skeleton } from "./skeleton.ts";
import { type PixelFrame, softTissue } from "./soft-tissue.ts";

export interface HandPhantomOptions {
  /** The person: bones, proportions, density, age. */
  readonly seed: number;
  /** Which exposure of this person: pose, position, dose, marker, noise. Default 0. */
  readonly acquisition?: number;
  /** Default "left", as in bone age films. */
  readonly laterality?: "left" | "right";
  /** Size of a pixel. Default 0.2; the hand stays as large. */
  readonly spacingMm?: number;
}

export interface HandPhantom {
  /** Display values 0..4095, bone bright (MONOCHROME2), with calibrated spacing. */
  readonly image: Image2D<Uint16Array<ArrayBuffer>>;
  /** All classes in order, overlapping where bones overlap; a pixel belongs to a bone if its centre lies inside. */
  readonly segments: SegmentStack;
  readonly descriptions: readonly SegmentDescription[];
  readonly laterality: "left" | "right";
}

/** A postero-anterior radiograph of a hand and wrist. The same options give the same pixels. */
export function handRadiographPhantom(options: HandPhantomOptions): HandPhantom {
  const acquisition = options.acquisition ?? 0;
  const laterality = options.laterality ?? "left";
  const person = createRandom(options.seed).fork("hand anatomy");
  const session = createRandom(options.seed).fork(`hand acquisition ${acquisition}`);
  const anatomy = drawAnatomy(person);
  const forearmMm = -55 - 30 * session.next();
  const skeleton = buildSkeleton(anatomy, drawPose(session.fork("pose")), forearmMm - 40);
  const spacing = options.spacingMm ?? 0.2;
  const frame = placeHand(skeleton, anatomy, forearmMm, laterality, spacing, session.fork("position"));
  const flesh = softTissue(skeleton, anatomy, frame);
  const bones = projectBones(skeleton.bones, frame, anatomy.spongiosaFraction, person.fork("texture"));
  const exposure = drawExposure(flesh.depth, frame, laterality, session.fork("exposure"));
  const data = expose(flesh, bones, frame, anatomy.size, exposure, session.fork("noise"));
  const geometry: ImageGeometry = {
    columns: frame.columns,
    rows: frame.rows,
    spacingMm: { x: spacing, y: spacing },
  };
  return {
    image: { geometry, channels: 1, data },
    segments: {
      geometry,
      segments: bones.masks.map((mask, i) => ({ number: i + 1, mask: { geometry, data: mask } })),
    },
    descriptions: HAND_SEGMENTS,
    laterality,
  };
}

function drawAnatomy(random: Random): HandAnatomy {
  const isGrowing = random.next() < 0.2;
  return {
    size: isGrowing ? 0.86 + 0.07 * random.next() : between(random, 0.93, 1.1),
    robustness: between(random, 0.92, 1.09),
    cortexFactor: between(random, 0.78, 1.1),
    spongiosaFraction: between(random, 0.13, 0.2),
    jointSpaceMm: between(random, 1.3, 2.1),
    ulnarVarianceMm: between(random, -2.2, 1.6),
    crowding: between(random, 1.04, 1.1),
    growthPlateMm: isGrowing ? between(random, 0.45, 0.9) : 0,
    fleshiness: between(random, 0.95, 1.12),
    seed: random.fork("bones"),
  };
}

function drawPose(random: Random): HandPose {
  return {
    spread: between(random, 0.07, 0.2),
    thumbAngle: between(random, 0.5, 0.9),
    deviation: between(random, -0.1, 0.1),
    fingerAngles: Array.from({ length: 5 }, () => 0.025 * random.normal()),
    kinks: Array.from({ length: 5 }, (_, ray) =>
      Array.from({ length: 4 }, () => (ray === 0 ? 0.07 : 0.02) * random.normal()),
    ),
  };
}

function between(random: Random, from: number, to: number): number {
  return from + (to - from) * random.next();
}

/** Turns, mirrors and scales the hand into an image that it fills with some margin. */
function placeHand(
  skeleton: Skeleton,
  anatomy: HandAnatomy,
  forearmMm: number,
  laterality: "left" | "right",
  spacing: number,
  random: Random,
): PixelFrame {
  const turn = 0.07 * random.normal();
  const mirror = laterality === "left" ? 1 : -1;
  const unitsPerPixel = spacing / anatomy.size;
  const cos = Math.cos(turn) / unitsPerPixel;
  const sin = Math.sin(turn) / unitsPerPixel;
  const turned = ([x, y]: Point): Point => [mirror * (x * cos + y * sin), -(-x * sin + y * cos)];
  const extremes = skeleton.fingers.flatMap((finger) => finger.joints).map(turned);
  const margins = [0, 1, 2].map(() => between(random, 14, 24) / unitsPerPixel);
  const wrist = turned([0, forearmMm]);
  const left = Math.min(...extremes.map((p) => p[0]), wrist[0] - 30 / unitsPerPixel) - margins[0]!;
  const right = Math.max(...extremes.map((p) => p[0]), wrist[0] + 30 / unitsPerPixel) + margins[1]!;
  const top = Math.min(...extremes.map((p) => p[1])) - margins[2]!;
  const columns = 4 * Math.ceil((right - left) / 4);
  const rows = 4 * Math.ceil((wrist[1] - top) / 4);
  return {
    columns,
    rows,
    unitsPerPixel,
    toPixel(point) {
      const [x, y] = turned(point);
      return [x - left, y - top];
    },
    toHand(px, py) {
      const u = mirror * (px + left);
      const v = -(py + top);
      const scale = unitsPerPixel * unitsPerPixel;
      return [(u * cos - v * sin) * scale, (u * sin + v * cos) * scale];
    },
  };
}

function drawExposure(
  fleshDepth: Float32Array,
  frame: PixelFrame,
  laterality: "left" | "right",
  random: Random,
): Exposure {
  const collimated = random.next();
  const inset = (): number => between(random, 0.008, 0.035);
  const collimation: Collimation | undefined =
    collimated < 0.55
      ? {
          left: inset(),
          right: 1 - inset(),
          top: inset(),
          bottom: 1.1,
          angle: 0.012 * random.normal(),
          outside: collimated < 0.42 ? "shutter" : "veil",
        }
      : undefined;
  return {
    photons: between(random, 3000, 12000),
    scatter: between(random, 0.04, 0.12),
    heel: [0.06 * random.normal(), 0.08 * random.normal()],
    windowCenter: between(random, 0.98, 1.2),
    windowWidth: between(random, 1.4, 1.8),
    edgeEnhancement: between(random, 0.5, 1.1),
    compression: between(random, 0.14, 0.26),
    collimation,
    marker: leadMarker(fleshDepth, frame, laterality, random),
  };
}

/** The side letter and the technician's initials, in the air where the hand leaves most room. */
function leadMarker(
  fleshDepth: Float32Array,
  frame: PixelFrame,
  laterality: "left" | "right",
  random: Random,
): Point[][] {
  const side = laterality === "left" ? "L" : "R";
  const initials = random.next() < 0.5 ? "" : `${random.shuffle(INITIALS)[0]}${random.shuffle(INITIALS)[1]}`;
  const height = between(random, 9, 12) / frame.unitsPerPixel;
  const turn = 0.12 * random.normal();
  const spots: { readonly x: number; readonly y: number; readonly room: number }[] = [];
  for (let tries = 0; tries < 60; tries++) {
    const x = Math.round(frame.columns * between(random, 0.07, 0.93));
    const y = Math.round(frame.rows * between(random, 0.06, 0.94));
    const edge = Math.min(x, y, frame.columns - x, frame.rows - y) * frame.unitsPerPixel;
    spots.push({ x, y, room: Math.min(-fleshDepth[y * frame.columns + x]!, edge, 16 + 3 * random.next()) });
  }
  const spot = spots.reduce((best, candidate) => (candidate.room > best.room ? candidate : best));
  const place =
    (shiftX: number, shiftY: number) =>
    (point: Point): Point => {
      const u = point[0] + shiftX;
      const v = point[1] + shiftY;
      return frame.toHand(
        spot.x + u * Math.cos(turn) + v * Math.sin(turn),
        spot.y + u * Math.sin(turn) - v * Math.cos(turn),
      );
    };
  return [
    ...letterStrokes(side, height, place(-0.33 * height, -0.4 * height)),
    ...letterStrokes(initials, 0.42 * height, place(-0.35 * height, -1.05 * height)),
  ];
}
