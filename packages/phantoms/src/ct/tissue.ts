import type { Shape } from "./field.ts";

/** The classes of the abdominal CT; the number of a segment is its place in this list, counted from 1. */
export const ABDOMEN_CLASSES = [
  "liver",
  "spleen",
  "right-kidney",
  "left-kidney",
  "stomach",
  "gallbladder",
  "pancreas",
  "aorta",
  "inferior-vena-cava",
  "vertebrae",
] as const;

export type AbdomenClass = (typeof ABDOMEN_CLASSES)[number];

/** What a layer does to the label map: names a class, clears it, or leaves what is there. */
export type Labelling = AbdomenClass | "background" | "unchanged";

export interface Layer {
  /** How deep under the surface of the shape the layer begins, mm. */
  readonly depth: number;
  /** Hounsfield units, of the whole layer or by place. */
  readonly hu: number | ((x: number, y: number, z: number) => number);
  /** Standard deviation of the tissue's own texture, HU. */
  readonly texture: number;
  readonly label: Labelling;
}

/** A shape painted over whatever was there before, layer by layer inwards. */
export interface Tissue {
  readonly shape: Shape;
  /** Grid on which the shape is sampled, mm; linear between the samples. */
  readonly step: number;
  readonly layers: readonly Layer[];
  /** Painted only where the label map shows this class. */
  readonly only?: AbdomenClass;
}

export function solid(shape: Shape, step: number, hu: Layer["hu"], texture: number, label: Labelling): Tissue {
  return { shape, step, layers: [{ depth: 0, hu, texture, label }] };
}
