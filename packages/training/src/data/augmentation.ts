import { type GridSize, RefineError } from "@samrefine/core";

/** Random changes of a training sample. All off when 0, false or undefined. */
export interface AugmentationSpec {
  /** Deviation of the noise on all six entries of the affine matrix, in coordinates -1..1 (methods.md 1.4: 0.03). */
  readonly affine?: number | undefined;
  /** Uniform in ± this angle, about the centre. */
  readonly rotationDegrees?: number | undefined;
  /** Log-uniform factor in [1 / (1 + s), 1 + s], or between two factors; below 1 things become smaller. */
  readonly scale?: number | { readonly smallest: number; readonly largest: number } | undefined;
  /** Log-uniform factor in [1 / (1 + s), 1 + s] of width against height: images of any sides are stretched to one grid. */
  readonly stretch?: number | undefined;
  /** Uniform shift in ± this share of the sides. */
  readonly translation?: number | undefined;
  readonly flip?: "none" | "horizontal" | "both" | undefined;
  /** Quarter turns; needs a square grid. */
  readonly rotate90?: boolean | undefined;
  /**
   * One of three: with probability `turn` any number of quarter turns and a mirroring along one axis, otherwise with
   * probability `rotate` a rotation by whole degrees from -degrees to degrees - 1, otherwise nothing. Needs a square grid.
   */
  readonly turnOrRotate?: { readonly turn: number; readonly rotate: number; readonly degrees: number } | undefined;
  /** How grey values are taken between pixels; default bilinear. Labels are always the nearest pixel's. */
  readonly interpolation?: "bilinear" | "nearest" | undefined;
  /** Smooth displacement: deviation in pixels at control points that lie `spacing` pixels apart. */
  readonly elastic?: { readonly pixels: number; readonly spacing: number } | undefined;
  /** Log-uniform contrast factor in [1 / (1 + c), 1 + c] about the sample's mean. */
  readonly contrast?: number | undefined;
  /** Uniform shift in ± this many normalised units. */
  readonly brightness?: number | undefined;
  /** Log-uniform exponent in [1 / (1 + g), 1 + g] on the sample's own range. */
  readonly gamma?: number | undefined;
  /** Largest deviation of added noise, in normalised units; drawn uniformly from 0. */
  readonly noise?: number | undefined;
  /** Largest deviation of a Gaussian blur in pixels; applied to half of the samples. */
  readonly blur?: number | undefined;
  /**
   * What lies outside the image: 0 (the mean, methods.md 1.4), its edge, its darkest value as behind a collimator, or any of
   * the three, drawn for every sample. Labels outside are background.
   */
  readonly outside?: "zero" | "edge" | "darkest" | "any" | undefined;
  /**
   * After pixels were moved, mean 0 and deviation 1 again, as a network gets an image that is framed so: only for images that
   * are normalised each by itself.
   */
  readonly standardise?: boolean | undefined;
}

/** Ready-made choices by the kind of image. Left and right stay apart unless flips are asked for. */
export const augmentationProfiles = {
  none: {},
  /** Exactly methods.md 1.4. */
  scb: { affine: 0.03, outside: "zero" },
  radiograph: {
    affine: 0.03,
    rotationDegrees: 8,
    scale: 0.15,
    elastic: { pixels: 1.5, spacing: 24 },
    contrast: 0.25,
    brightness: 0.2,
    gamma: 0.3,
    noise: 0.1,
    blur: 1,
    outside: "zero",
  },
  /** As `radiograph`, where framing and exposure differ much from image to image, e.g. bedside chest radiographs. */
  "radiograph-varied": {
    affine: 0.05,
    rotationDegrees: 12,
    scale: { smallest: 0.6, largest: 1.25 },
    stretch: 0.2,
    translation: 0.12,
    elastic: { pixels: 2, spacing: 24 },
    contrast: 0.3,
    brightness: 0.3,
    gamma: 0.6,
    noise: 0.15,
    blur: 1,
    outside: "any",
    standardise: true,
  },
  volume: {
    affine: 0.03,
    rotationDegrees: 20,
    scale: 0.2,
    elastic: { pixels: 1.5, spacing: 12 },
    contrast: 0.25,
    brightness: 0.15,
    gamma: 0.3,
    noise: 0.15,
    blur: 0.8,
    outside: "edge",
  },
  /** Exactly the weak view of methods.md 3.6, on top of which strong views are made. */
  ssl4mis: { turnOrRotate: { turn: 0.5, rotate: 0.5, degrees: 20 }, interpolation: "nearest", outside: "zero" },
} as const satisfies Readonly<Record<string, AugmentationSpec>>;

export type AugmentationProfile = keyof typeof augmentationProfiles;

/**
 * Quarter turns of a grid that is not square would push part of the image out of it.
 * @throws RefineError `configuration`.
 */
export function requireFittingGrid({ rotate90, turnOrRotate }: AugmentationSpec, { rows, columns }: GridSize): void {
  if (rows === columns || !(rotate90 || turnOrRotate)) return;
  throw new RefineError("configuration", `The augmentation has quarter turns, but the grid is ${rows} x ${columns}.`, {
    hint: "Choose a square grid or an augmentation without quarter turns.",
    details: { rows, columns },
  });
}
