import type { Initialiser } from "./network.ts";

export const ZERO: Initialiser = { kind: "constant", value: 0 };
export const ONE: Initialiser = { kind: "constant", value: 1 };

/** He et al. 2015: keeps the variance through rectified layers. */
export function heNormal(fanIn: number): Initialiser {
  return { kind: "normal", standardDeviation: Math.sqrt(2 / fanIn) };
}
