import type { TestTimeAugmentation } from "../segmenter.ts";
import type { RefinementPlan } from "./plan.ts";

/**
 * The other view of the image that a plan's estimate of quality compares with, `RefineOptions.secondOpinion`; undefined when
 * it needs none. A view that keeps left and right, since classes may be told apart by side.
 */
export function secondView(plan: RefinementPlan): TestTimeAugmentation | undefined {
  const isNeeded =
    plan.quality === "augmentation-agreement" ||
    (plan.quality === "calibrated" && plan.qualityModel?.terms.some((t) => t.feature === "augmentationAgreement"));
  return isNeeded === true ? otherView(plan) : undefined;
}

/** The view that says most about how sure the network is of the plan's own. */
export function otherView({ testTimeAugmentation }: RefinementPlan): TestTimeAugmentation {
  return testTimeAugmentation === "none" ? "small-changes" : "none";
}
