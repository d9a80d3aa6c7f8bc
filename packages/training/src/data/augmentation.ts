/** Random changes of a training sample. All off when 0, false or undefined. */
export interface AugmentationSpec {
  /** Deviation of the noise on all six entries of the affine matrix, in coordinates -1..1 (methods.md 1.4: 0.03). */
  readonly affine?: number | undefined;
  /** Uniform in ± this angle, about the centre. */
  readonly rotationDegrees?: number | undefined;
  /** Log-uniform factor in [1 / (1 + s), 1 + s]. */
  readonly scale?: number | undefined;
  readonly flip?: "none" | "horizontal" | "both" | undefined;
  /** Quarter turns; needs a square grid. */
  readonly rotate90?: boolean | undefined;
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
  /** What lies outside the image: 0 (the mean, methods.md 1.4) or its edge. Labels outside are background. */
  readonly outside?: "zero" | "edge" | undefined;
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
  /** The weak view of methods.md 3.6 on top of which strong views are made. */
  ssl4mis: { rotationDegrees: 20, flip: "both", rotate90: true, outside: "zero" },
} as const satisfies Readonly<Record<string, AugmentationSpec>>;

export type AugmentationProfile = keyof typeof augmentationProfiles;
