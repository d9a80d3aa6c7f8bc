import { presetPlan, type RefinementPlan } from "@samrefine/core";
import type { SegmentationManifest } from "@samrefine/models";

/** The plan that measured best for the model, or the safe default. */
export function planOf(manifest: Pick<SegmentationManifest, "plan">): RefinementPlan {
  return manifest.plan ?? presetPlan("ours");
}

/** What one click will do with the model's proposal, and why, in a sentence or two for the panel. */
export function describePlan(manifest: Pick<SegmentationManifest, "plan">): string {
  const { id, note, evidence } = planOf(manifest);
  if (evidence !== undefined) return evidence.summary;
  if (manifest.plan !== undefined) return `Plan ${id}: ${note}`;
  return "SAM refinement is on by default; no trial on labelled images has shown yet whether it helps this model.";
}
