import { type CaseScore, type CohortSummary, type MetricName, summariseCohort, toCsv } from "@samrefine/evaluation";
import type { CaseFailure } from "../cases/run-cases.ts";
import { escapeHtml, type HtmlColumn, htmlPage, htmlTable } from "../report/html-page.ts";
import { formatTable } from "../terminal/table.ts";
import { formatDistance, formatNumber, formatPercent } from "./format-summary.ts";

/** The metrics of one class, or of all classes together. */
export interface ClassSummary {
  readonly label: string;
  readonly metrics: Readonly<
    Record<"dice" | "iou" | "hd95" | "assd" | "surfaceDice" | "relativeVolumeError", CohortSummary>
  >;
}

export interface EvaluationReport {
  readonly dataset: string;
  readonly cases: string;
  readonly predictions: string;
  /** Of surface Dice, in the unit of the distances. */
  readonly surfaceTolerance: number;
  readonly summary: readonly ClassSummary[];
  readonly scores: readonly CaseScore[];
  readonly failures: readonly CaseFailure[];
}

/** One entry per class and, where there are several, one for all of them. */
export function summariseScores(scores: readonly CaseScore[], seed: number): readonly ClassSummary[] {
  const of = (metric: MetricName): readonly CohortSummary[] => summariseCohort(scores, metric, { seed });
  const [dice, iou, hd95, assd] = [of("dice"), of("iou"), of("hd95"), of("assd")];
  const [surfaceDice, relativeVolumeError] = [of("surfaceDice"), of("relativeVolumeError")];
  return dice.map((summary, index) => ({
    label: summary.label,
    metrics: {
      ...{ dice: summary, iou: iou[index]!, hd95: hd95[index]!, assd: assd[index]! },
      surfaceDice: surfaceDice[index]!,
      relativeVolumeError: relativeVolumeError[index]!,
    },
  }));
}

/** Summary for the terminal. */
export function evaluationTable(report: EvaluationReport): string {
  return formatTable(
    summaryColumns(report).map(({ title }) => title),
    report.summary.map(summaryRow),
  );
}

/** One row per case and class; a metric that does not exist is an empty cell. */
export function evaluationCsv({ scores }: EvaluationReport): string {
  return toCsv({
    title: "evaluation",
    columns: [
      ...["case", "class", "status", "dice", "iou", "hd95", "assd", "surface_dice", "relative_volume_error"],
      ...["distance_unit", "reference_voxels", "prediction_voxels"],
    ].map((header) => ({ header })),
    rows: scores.map(({ caseId, label, metrics }) => [
      ...[caseId, label, metrics.status, metrics.dice, metrics.iou, metrics.hd95, metrics.assd, metrics.surfaceDice],
      ...[metrics.relativeVolumeError, metrics.distanceUnit, metrics.referenceVoxels, metrics.predictionVoxels],
    ]),
    notes: [],
  });
}

export function evaluationHtml(report: EvaluationReport): string {
  const unit = distanceUnit(report.scores);
  const cases = new Set(report.scores.map(({ caseId }) => caseId)).size;
  const percent = (value: number | null): string => formatNumber(value === null ? null : 100 * value, 1);
  const rows = report.scores
    .toSorted((a, b) => (a.metrics.dice ?? 2) - (b.metrics.dice ?? 2))
    .map(({ caseId, label, metrics }) => [
      ...[caseId, label, percent(metrics.dice), percent(metrics.iou)],
      ...[formatNumber(metrics.hd95, 2), formatNumber(metrics.assd, 2), metrics.status.replace("-", " ")],
    ]);
  const caseColumns: readonly HtmlColumn[] = [
    { title: "case" },
    { title: "class" },
    { title: "Dice %", isNumber: true },
    { title: "IoU %", isNumber: true },
    { title: `HD95 ${unit}`, isNumber: true },
    { title: `ASSD ${unit}`, isNumber: true },
    { title: "status" },
  ];
  return htmlPage(
    `Evaluation: ${report.dataset}`,
    `<h1>Evaluation: ${escapeHtml(report.dataset)}</h1>
<p class="soft">Label maps of <code>${escapeHtml(report.predictions)}</code>, cases: ${escapeHtml(report.cases)}, ${cases} measured.</p>
<h2>Summary</h2>
<p>Mean over cases with the 95 % bootstrap interval in brackets. ${explainFailures}</p>
${htmlTable(summaryColumns(report), report.summary.map(summaryRow), [report.summary.length - 1])}
${failureList(report.failures)}
<h2>Cases and classes, worst first</h2>
${htmlTable(caseColumns, rows)}`,
  );
}

export const explainFailures =
  "A class that the reference holds and the prediction lacks counts as Dice 0 and has no distance; one that only the " +
  "prediction holds enters no mean. Both are counted.";

/** Cases that could not be measured, as an HTML list; nothing when there is none. */
export function failureList(failures: readonly CaseFailure[]): string {
  if (failures.length === 0) return "";
  const items = failures.map(({ id, message }) => `<li><b>${escapeHtml(id)}</b>: ${escapeHtml(message)}</li>`);
  return `<h2>Failed cases</h2><ul>${items.join("")}</ul>`;
}

/** The unit of all distances of a report: data sets are calibrated as a whole or not at all. */
export function distanceUnit(scores: readonly CaseScore[]): "mm" | "px" {
  return scores[0]?.metrics.distanceUnit === "mm" ? "mm" : "px";
}

function summaryColumns({ scores, surfaceTolerance }: EvaluationReport): readonly HtmlColumn[] {
  const unit = distanceUnit(scores);
  return [
    { title: "class" },
    { title: "Dice %", isNumber: true, explanation: "2 |A ∩ B| / (|A| + |B|)" },
    { title: "IoU %", isNumber: true, explanation: "|A ∩ B| / |A ∪ B|" },
    { title: `HD95 ${unit}`, isNumber: true, explanation: "95th percentile of the distances between both borders" },
    { title: `ASSD ${unit}`, isNumber: true, explanation: "average symmetric surface distance" },
    {
      title: `surface Dice % at ${surfaceTolerance} ${unit}`,
      isNumber: true,
      explanation: `share of both borders within ${surfaceTolerance} ${unit} of the other one`,
    },
    { title: "cases", isNumber: true, explanation: "cases whose reference holds the class" },
    { title: "missed", isNumber: true },
    { title: "false pos.", isNumber: true },
  ];
}

function summaryRow({ label, metrics }: ClassSummary): readonly string[] {
  return [
    label,
    formatPercent(metrics.dice),
    formatPercent(metrics.iou),
    formatDistance(metrics.hd95),
    formatDistance(metrics.assd),
    formatPercent(metrics.surfaceDice),
    String(metrics.dice.count),
    String(metrics.dice.missed),
    String(metrics.dice.falsePositives),
  ];
}
