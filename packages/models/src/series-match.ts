import type { SegmentationManifest, SeriesRule } from "./manifest.ts";

/** What a series says about itself, as far as it says it (DICOM attribute values, not yet trimmed). */
export interface SeriesTraits {
  /** Modality (0008,0060). */
  readonly modality: string;
  /** Body Part Examined (0018,0015). */
  readonly bodyPart?: string | undefined;
  /** Series Description (0008,103E). */
  readonly seriesDescription?: string | undefined;
  /** Manufacturer (0008,0070). */
  readonly manufacturer?: string | undefined;
}

export type SeriesMatch =
  | { readonly fits: true; readonly rule: SeriesRule }
  /** One short clause per rule, or one that says that there are no rules; fit to be shown. */
  | { readonly fits: false; readonly reasons: readonly string[] };

/** Whether a U-Net is meant for a series: at least one of its rules must hold in full. Text is compared without case. */
export function matchSeries(manifest: Pick<SegmentationManifest, "appliesTo">, series: SeriesTraits): SeriesMatch {
  const reasons: string[] = [];
  for (const rule of manifest.appliesTo) {
    const reason = whyRuleFails(rule, series);
    if (reason === undefined) return { fits: true, rule };
    if (!reasons.includes(reason)) reasons.push(reason);
  }
  return { fits: false, reasons: reasons.length > 0 ? reasons : ["the model names no series that it is meant for"] };
}

export type ModelChoice<M> =
  | { readonly model: M }
  /** That nothing fits, and why, a sentence per model; for the user. */
  | { readonly model: undefined; readonly reason: string; readonly perModel: readonly string[] };

/**
 * The first U-Net that fits; a rule with more conditions beats one with fewer, since it was written for this very series.
 */
export function chooseModel<M extends Pick<SegmentationManifest, "appliesTo" | "title">>(
  manifests: readonly M[],
  series: SeriesTraits,
): ModelChoice<M> {
  let best: { readonly model: M; readonly conditions: number } | undefined;
  const perModel: string[] = [];
  for (const model of manifests) {
    const match = matchSeries(model, series);
    if (!match.fits) {
      perModel.push(`${model.title}: ${match.reasons.join("; ")}.`);
      continue;
    }
    const conditions = Object.values(match.rule).filter((value) => value !== undefined).length;
    if (!best || conditions > best.conditions) best = { model, conditions };
  }
  if (best) return { model: best.model };
  return {
    model: undefined,
    reason: perModel.length > 0 ? "No U-Net fits this series." : "No U-Net is installed for any series.",
    perModel,
  };
}

function whyRuleFails(rule: SeriesRule, series: SeriesTraits): string | undefined {
  if (!rule.modalities.some((modality) => isSameText(modality, series.modality))) {
    return `wants modality ${rule.modalities.join(" or ")}, found ${shown(series.modality)}`;
  }
  if (rule.bodyParts && !rule.bodyParts.some((part) => isSameText(part, series.bodyPart ?? ""))) {
    return `wants body part ${rule.bodyParts.join(" or ")}, found ${shown(series.bodyPart)}`;
  }
  if (
    rule.seriesDescription !== undefined &&
    !normalised(series.seriesDescription ?? "").includes(normalised(rule.seriesDescription))
  ) {
    return `wants "${rule.seriesDescription}" in the series description, which is not there`;
  }
  if (rule.manufacturer !== undefined && !isSameText(rule.manufacturer, series.manufacturer ?? "")) {
    return `wants manufacturer ${rule.manufacturer}, found ${shown(series.manufacturer)}`;
  }
  return undefined;
}

const normalised = (text: string): string => text.trim().toLowerCase();
const isSameText = (a: string, b: string): boolean => normalised(a) === normalised(b);
const shown = (text: string | undefined): string => (text?.trim() ? text.trim() : "none");
