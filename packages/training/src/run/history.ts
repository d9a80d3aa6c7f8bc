import type { CaseDice } from "./validation.ts";

/** What was measured along a run. */
export interface TrainingHistory {
  /** Per step, in order. */
  readonly losses: readonly number[];
  readonly validations: readonly ValidationRecord[];
}

export interface ValidationRecord {
  /** Steps done when it was measured. */
  readonly step: number;
  readonly meanDice: number;
  readonly perLabel: readonly (number | null)[];
}

/** The final measurement, on all validation cases with the parameters that are exported. */
export interface FinalValidation {
  readonly meanDice: number;
  readonly perLabel: readonly { readonly name: string; readonly dice: number | null }[];
  readonly cases: readonly CaseDice[];
}
