import { compareMasks } from "@samrefine/core";
import type { CaseScore } from "../cohort/cohort.ts";
import type { TrialArm } from "./choose-arm.ts";

/** A thousand reference pixels of which `shared` are found, none beside: Dice = 2 s / (1000 + 1000). */
export function score(caseId: string, shared: number, label = "x"): CaseScore {
  const reference = Uint8Array.from({ length: 2000 }, (_, i) => (i < 1000 ? 1 : 0));
  const prediction = Uint8Array.from({ length: 2000 }, (_, i) => (i >= 1000 - shared && i < 2000 - shared ? 1 : 0));
  return {
    caseId,
    label,
    metrics: compareMasks(reference, prediction, { size: [2000, 1, 1] }, { distances: false }),
  };
}

export const arm = (name: string, usesSam: boolean, ...shared: number[]): TrialArm => ({
  name,
  usesSam,
  scores: shared.map((s, i) => score(`case ${i}`, s)),
});
