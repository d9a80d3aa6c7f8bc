import { RefineError } from "@samrefine/core";

/** Learning rate at a 0-based step. */
export type Schedule = (step: number) => number;

/** How the learning rate falls from its initial value, as data. */
export type ScheduleSpec =
  | { readonly kind: "constant" }
  /** Half a cosine from the initial rate to `floor` times it at the last step. */
  | { readonly kind: "cosine"; readonly floor: number }
  /** (1 - step / steps)^power */
  | { readonly kind: "poly"; readonly power: number }
  /** Times `factor` at each of the given fractions of the run. */
  | { readonly kind: "step"; readonly at: readonly number[]; readonly factor: number };

export function createSchedule(spec: ScheduleSpec, initialRate: number, steps: number): Schedule {
  if (!(initialRate > 0) || !Number.isFinite(initialRate)) {
    throw new RefineError("configuration", `The learning rate must be a positive number; found ${initialRate}.`);
  }
  switch (spec.kind) {
    case "constant":
      return () => initialRate;
    case "cosine":
      return (step) => {
        const fraction = Math.min(step / Math.max(1, steps), 1);
        return initialRate * (spec.floor + ((1 - spec.floor) * (1 + Math.cos(Math.PI * fraction))) / 2);
      };
    case "poly":
      return (step) => initialRate * (1 - Math.min(step / steps, 1)) ** spec.power;
    case "step":
      return (step) => initialRate * spec.factor ** spec.at.filter((fraction) => step >= fraction * steps).length;
  }
}

/** exp(-5(1 - clip(t, 0, length)/length)²), 1 when length is 0: the ramp-up of consistency weights (methods.md 0.3). */
export function rampUp(t: number, length: number): number {
  if (length === 0) return 1;
  const fraction = Math.min(Math.max(t, 0), length) / length;
  return Math.exp(-5 * (1 - fraction) ** 2);
}
