import type { RefinementPlan } from "@samrefine/core";

export type Augmentation = RefinementPlan["testTimeAugmentation"];

/** The other view of the image that a plan's quality estimate compares with; undefined when it needs none. */
export function secondView(plan: RefinementPlan): Augmentation | undefined {
  const isNeeded =
    plan.quality === "augmentation-agreement" ||
    (plan.quality === "calibrated" && plan.qualityModel?.terms.some((t) => t.feature === "augmentationAgreement"));
  if (isNeeded !== true) return undefined;
  return plan.testTimeAugmentation === "none" ? "horizontal-flip" : "none";
}
