import { OURS_PLAN, RAW_PLAN, type RefinementPlan, SCB_PLAN } from "@samrefine/core";
import type { SegmentationManifest } from "@samrefine/models";

/** What a person may ask for instead of the plan that measured best. */
export type RefinementChoice = "recommended" | "with-sam" | "network-only" | "published";

export const refinementChoices: readonly { readonly id: RefinementChoice; readonly title: string }[] = [
  { id: "recommended", title: "Recommended for this model" },
  { id: "with-sam", title: "With SAM: box, point and mask prompts" },
  { id: "network-only", title: "U-Net alone" },
  { id: "published", title: "With SAM as published (SAM Carries the Burden)" },
];

type PlannedManifest = Pick<SegmentationManifest, "plan">;

/** `recommended` is the plan that measured best for the model, or the safe default where nothing was measured. */
export function planOf(manifest: PlannedManifest, choice: RefinementChoice = "recommended"): RefinementPlan {
  switch (choice) {
    case "recommended":
      return manifest.plan ?? OURS_PLAN;
    case "with-sam":
      return OURS_PLAN;
    case "network-only":
      return RAW_PLAN;
    case "published":
      return SCB_PLAN;
  }
}

/** What one click will do with the model's proposal, and why, in a sentence or two for the panel. */
export function describePlan(manifest: PlannedManifest, choice: RefinementChoice = "recommended"): string {
  const { id, note, evidence, passes, volume } = planOf(manifest, choice);
  const prompts =
    (passes.length === 0 ? " SAM is not asked, so there are no prompts to show or drag." : "") +
    (volume === undefined ? "" : " Here slices are refined one by one.");
  if (evidence !== undefined) return evidence.summary + prompts;
  if (choice !== "recommended" || manifest.plan !== undefined) return `Plan ${id}: ${note}${prompts}`;
  return "SAM refinement is on by default; no trial on labelled images has shown yet whether it helps this model.";
}
