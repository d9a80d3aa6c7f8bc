import type { StatusMessage } from "./panel-state.ts";
import type { StudyOutcome } from "./study-run.ts";

/** What a person should know after a run, in a sentence or three. */
export function runSummary({ series, isCancelled }: StudyOutcome, flagged: number): StatusMessage {
  const finished = sum(series, (outcome) => outcome.finished);
  const reviewed = sum(series, (outcome) => outcome.reviewed);
  const failed = sum(series, ({ failedSlices }) => failedSlices.size);
  const total = sum(series, (outcome) => outcome.series.sliceCount);
  const slices = series.every((outcome) => outcome.series.sliceCount === 1) ? "images" : "slices";
  const parts: string[] = [];
  if (isCancelled) parts.push(`Cancelled: ${finished} of ${total} ${slices} are finished and kept.`);
  else if (total === 1) parts.push("Segmented.");
  else {
    const where = series.length > 1 && slices === "slices" ? ` in ${series.length} series` : "";
    parts.push(`${finished} of ${total} ${slices}${where} segmented.`);
  }
  if (reviewed > 0) parts.push(`${reviewed} reviewed by you ${reviewed === 1 ? "was" : "were"} left alone.`);
  if (failed > 0) parts.push(`${failed} could not be segmented (marked ×).`);
  if (flagged > 0) parts.push(`${flagged} to check: press J to go to the next.`);
  return { text: parts.join(" "), tone: failed > 0 ? "warning" : "info" };
}

function sum<T>(items: readonly T[], value: (item: T) => number): number {
  return items.reduce((total, item) => total + value(item), 0);
}
