import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { parsePlan, presetPlan, RefineError, type RefinementPlan } from "@samrefine/core";
import type { SegmentationManifest } from "@samrefine/models";
import { reasonOf } from "../dataset/dataset-error.ts";

/** @throws RefineError `invalid-plan`, or `configuration` when the file cannot be read. */
export async function loadPlan(path: string): Promise<RefinementPlan> {
  let value: unknown;
  try {
    value = JSON.parse(await readFile(path, "utf8"));
  } catch (cause) {
    throw new RefineError("configuration", `The plan ${path} cannot be read: ${reasonOf(cause)}`, {
      hint: "Give a JSON file with a refinement plan, or choose a preset.",
      cause,
    });
  }
  return parsePlan(value);
}

export interface PlanChoice {
  readonly preset?: string;
  readonly plan?: string;
}

/**
 * The plan that was asked for by name or file, otherwise the one that measured best for the model, otherwise `ours`.
 * @throws RefineError `configuration` when both are given, and what {@link loadPlan} throws.
 */
export async function choosePlan(
  { preset, plan }: PlanChoice,
  manifest: SegmentationManifest,
): Promise<RefinementPlan> {
  if (preset !== undefined && plan !== undefined) {
    throw new RefineError("configuration", "Give --preset or --plan, not both.");
  }
  if (plan !== undefined) return await loadPlan(plan);
  if (preset !== undefined) return presetPlan(preset);
  return manifest.plan ?? presetPlan("ours");
}

/** Which plan runs and why: what the trial that chose it found, otherwise what one should know before choosing it. */
export function explainPlan({ id, note, evidence }: RefinementPlan): string {
  return `Plan ${id}. ${evidence?.summary ?? note}`.trimEnd();
}

/**
 * SHA-256, hex, of what a plan does: its JSON with sorted keys, without name, note and evidence. Two plans with one digest
 * make the same masks from the same models.
 */
export function planDigest({ id: _id, note: _note, evidence: _evidence, ...method }: RefinementPlan): string {
  return createHash("sha256").update(canonicalJson(method)).digest("hex");
}

function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) =>
    typeof part === "object" && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );
}
