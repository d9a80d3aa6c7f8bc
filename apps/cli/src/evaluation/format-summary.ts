import { type CohortSummary, MINIMUM_RANKED_MASKS } from "@samrefine/evaluation";

/** "89.3 (87.1–91.0)" in per cent, with the interval where there is one; "–" when there is no value. */
export function formatPercent(summary: Pick<CohortSummary, "mean" | "interval"> | undefined): string {
  return formatMean(summary, (value) => (100 * value).toFixed(1));
}

/** "4.21 (3.80–4.90)". */
export function formatDistance(summary: Pick<CohortSummary, "mean" | "interval"> | undefined): string {
  return formatMean(summary, (value) => value.toFixed(2));
}

function formatMean(
  summary: Pick<CohortSummary, "mean" | "interval"> | undefined,
  format: (value: number) => string,
): string {
  if (summary === undefined || summary.mean === null) return "–";
  const { mean, interval } = summary;
  return interval === null ? format(mean) : `${format(mean)} (${format(interval.lower)}–${format(interval.upper)})`;
}

/** With a true minus, as in the other columns. */
export function formatNumber(value: number | null | undefined, digits: number): string {
  return value === null || value === undefined ? "–" : value.toFixed(digits).replace("-", "−");
}

/** A coefficient of how an estimate orders masks, or that there are too few of them to say. */
export function formatRanking(value: number | null, masks: number): string {
  return masks < MINIMUM_RANKED_MASKS ? `too few masks (${masks})` : formatNumber(value, 2);
}

/** "0.031", "< 0.001". */
export function formatPValue(p: number): string {
  return p < 0.001 ? "< 0.001" : p.toFixed(3);
}
