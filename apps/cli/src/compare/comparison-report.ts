import { join } from "node:path";
import { formatPoints, MINIMUM_RANKED_MASKS, mean, type Table, toCsv, toMarkdown } from "@samrefine/evaluation";
import type { BackendReport } from "@samrefine/inference/node";
import type { CaseFailure } from "../cases/run-cases.ts";
import { distanceUnit, explainFailures, failureList } from "../evaluation/evaluation-report.ts";
import {
  formatDistance,
  formatNumber,
  formatPercent,
  formatPValue,
  formatRanking,
} from "../evaluation/format-summary.ts";
import { classColor } from "../report/class-colors.ts";
import { escapeHtml, type HtmlColumn, htmlPage, htmlTable } from "../report/html-page.ts";
import { pictureUri } from "../report/picture-uri.ts";
import type { StrategyCase } from "./compare-case.ts";
import type { StrategySummary } from "./summarise-comparison.ts";

export interface ComparisonReport {
  readonly schema: "samrefine-comparison/1";
  readonly researchUseOnly: true;
  readonly dataset: string;
  readonly split: string;
  /** One of so many slices of every volume was looked at. */
  readonly slicesEvery: number;
  /** `reference`: the prompts were made of what the results are measured against. */
  readonly initial: "prediction" | "reference";
  readonly labels: readonly { readonly name: string; readonly value: number }[];
  readonly model: { readonly id: string; readonly version: string; readonly digest: string };
  readonly sam: { readonly id: string; readonly digest: string } | null;
  readonly backend: BackendReport;
  readonly seed: number;
  /** The command that makes this report again. */
  readonly command: string;
  readonly strategies: readonly StrategySummary[];
  readonly cases: readonly StrategyCase[];
  readonly failures: readonly CaseFailure[];
}

/**
 * The measured table as data: for the terminal, for Markdown and for model cards. `withClasses` adds a column per class.
 * What a strategy is judged by comes first, where a narrow window shows it.
 */
export function comparisonTable({ strategies, cases, ...report }: ComparisonReport, withClasses: boolean): Table {
  const unit = distanceUnit(cases.flatMap(({ scores }) => scores));
  const count = new Set(cases.map(({ caseId }) => caseId)).size;
  const classNames = withClasses ? classesToList(strategies) : [];
  return {
    title: `${report.initial === "reference" ? "Simulated annotator" : report.model.id} on ${report.dataset}: ${report.split}, ${count} cases`,
    columns: [
      { header: "strategy" },
      { header: "Dice %" },
      { header: `Δ Dice to ${strategies[0]?.plan.id ?? "first"}` },
      { header: "p (Bonferroni)" },
      { header: "s per case" },
      { header: "better / equal / worse" },
      { header: "SAM used" },
      { header: "accepted %" },
      { header: `HD95 ${unit}` },
      { header: `ASSD ${unit}` },
      ...classNames.map((name) => ({ header: `${name}, Dice %` })),
    ],
    rows: strategies.map((strategy) => [
      strategy.plan.id,
      formatPercent(strategy.overall.metrics.dice),
      describeDifference(strategy),
      strategy.difference === undefined
        ? "–"
        : `${formatPValue(strategy.difference.test.pValue)} (${formatPValue(strategy.difference.adjustedPValue)})`,
      strategy.secondsPerCase.mean.toFixed(2),
      strategy.difference === undefined
        ? "–"
        : `${strategy.difference.better} / ${strategy.difference.equal} / ${strategy.difference.worse}`,
      `${(100 * strategy.samUsedFraction).toFixed(0)} %`,
      formatNumber(strategy.acceptedFraction === null ? null : 100 * strategy.acceptedFraction, 0),
      formatDistance(strategy.overall.metrics.hd95),
      formatDistance(strategy.overall.metrics.assd),
      ...classNames.map((_, index) => formatPercent(strategy.classes[index]?.metrics.dice)),
    ]),
    notes: [
      "Mean over cases of the mean over classes; 95 % bootstrap interval over cases in brackets.",
      "Δ in points. p: Wilcoxon signed-rank test, two-sided, over cases; in brackets with Bonferroni for the number of strategies.",
      ...(report.initial === "reference"
        ? ["Prompts were made of the reference itself (simulated annotator): upper bounds, not results."]
        : []),
      ...(report.slicesEvery > 1 ? [`One of ${report.slicesEvery} slices was looked at; Dice is over those.`] : []),
      `SAM used: masks that SAM's answer replaced. Accepted: masks that the plan's rule lets teach; – where it has none. s per case: ${report.backend.description}.`,
      "Research use only.",
    ],
  };
}

export function comparisonMarkdown(report: ComparisonReport): string {
  return toMarkdown(comparisonTable(report, true));
}

/** One row per case, strategy and class. */
export function comparisonCsv({ cases }: ComparisonReport): string {
  return toCsv({
    title: "comparison",
    columns: [
      ...["case", "strategy", "class", "status", "dice", "iou", "hd95", "assd", "surface_dice"],
      ...["relative_volume_error", "distance_unit"],
      ...["reference_voxels", "prediction_voxels", "case_seconds", "case_refined_masks", "case_kept_masks"],
      ...["case_skipped_masks", "case_absent_masks", "case_degenerate_boxes", "case_accepted_masks"],
      "case_mean_estimated_dice",
    ].map((header) => ({ header })),
    rows: cases.flatMap((entry) =>
      entry.scores.map(({ label, metrics }) => [
        ...[entry.caseId, entry.planId, label, metrics.status, metrics.dice, metrics.iou, metrics.hd95, metrics.assd],
        ...[
          metrics.surfaceDice,
          metrics.relativeVolumeError,
          metrics.distanceUnit,
          metrics.referenceVoxels,
          metrics.predictionVoxels,
        ],
        ...[entry.seconds, entry.refinedMasks, entry.keptMasks, entry.skippedMasks, entry.absentMasks],
        ...[entry.degenerateBoxes, entry.acceptedMasks, mean(entry.estimates.map(({ estimated }) => estimated))],
      ]),
    ),
    notes: [],
  });
}

/** Self-contained page; pictures are read from the report's folder and embedded. */
export async function comparisonHtml(report: ComparisonReport, folder: string): Promise<string> {
  const { strategies } = report;
  const table = comparisonTable(report, false);
  const columns: readonly HtmlColumn[] = table.columns.map(({ header }, index) => ({
    title: header,
    isNumber: index > 0,
  }));
  const best = strategies.reduce((a, b) => (meanDice(b) > meanDice(a) ? b : a), strategies[0]!);
  const pictures: string[] = [];
  for (const strategy of strategies) pictures.push(await pictureSection(strategy, strategies, folder));
  const sam = report.sam === null ? "no SAM" : `SAM ${report.sam.id} (${report.sam.digest.slice(0, 12)})`;
  return htmlPage(
    `Strategies on ${report.dataset}`,
    `<h1>Strategies side by side: ${escapeHtml(report.dataset)}</h1>
<p class="soft">Cases: ${escapeHtml(report.split)}. Model ${escapeHtml(report.model.id)} ${escapeHtml(report.model.version)} (${report.model.digest.slice(0, 12)}), ${escapeHtml(sam)}, ${escapeHtml(report.backend.description)}, ONNX Runtime ${escapeHtml(report.backend.onnxruntimeVersion)}.</p>
<pre>${escapeHtml(report.command)}</pre>
${htmlTable(columns, table.rows as readonly (readonly string[])[], [strategies.indexOf(best)])}
<ul class="soft">${table.notes.map((note) => `<li>${escapeHtml(note)}</li>`).join("")}<li>${escapeHtml(explainFailures)}</li><li>Highlighted: highest mean Dice. Differences within the interval of 0 are no evidence.</li></ul>
${failureList(report.failures)}
<h2>What the strategies do</h2>
${htmlTable(
  [{ title: "strategy" }, { title: "note" }],
  strategies.map(({ plan }) => [plan.id, plan.note]),
).replace('<div class="scroll">', '<div class="scroll wrap">')}
<h2>By class</h2>
${classTable(strategies, distanceUnit(report.cases.flatMap(({ scores }) => scores)))}
<h2>Estimated against true quality</h2>
<p>Every mask (class on a slice) with the Dice that the strategy estimated without a reference, against its true Dice. Spearman: 1 = orders perfectly. AUC: how well a low estimate finds the worst quarter of the masks, 0.5 = chance. Fewer than ${MINIMUM_RANKED_MASKS} masks cannot tell.</p>
${reliabilityTables(strategies)}
<h2>Pictures</h2>
<p>In reading order: image, reference, what the U-Net proposed, result of the strategy. Filled colour: the mask of the panel. Dashed white outline, over the last two: the reference; colour outside it is marked too much (false positive), no colour inside it is missed (false negative). SAM's prompts, in the last panel: dashed box in the colour of the class, green dot for foreground, red dot for background. Best, median and worst case by change of Dice against ${escapeHtml(strategies[0]!.plan.id)}. All cases are, as PNG, in the folder <code>pictures</code> beside this page.</p>
<p>${report.labels.map(({ name, value }) => `<span class="key" style="background:rgb(${classColor(value).join(",")})"></span>${escapeHtml(name)}`).join("")}</p>
${pictures.join("\n")}`,
  );
}

function meanDice({ overall }: StrategySummary): number {
  return overall.metrics.dice.mean ?? 0;
}

/** Class names, when there is more than one; with one class the overall column says it already. */
function classesToList(strategies: readonly StrategySummary[]): readonly string[] {
  const classes = strategies[0]?.classes ?? [];
  return classes.length < 2 ? [] : classes.slice(0, -1).map(({ label }) => label);
}

function describeDifference({ difference }: StrategySummary): string {
  if (difference === undefined) return "–";
  const { meanDifference, interval } = difference;
  const points = formatPoints(meanDifference);
  return interval === null ? points : `${points} (${formatPoints(interval.lower)} to ${formatPoints(interval.upper)})`;
}

function classTable(strategies: readonly StrategySummary[], unit: "mm" | "px"): string {
  const rows = strategies.flatMap(({ plan, classes, differencePerClass }) =>
    classes
      .slice(0, Math.max(1, classes.length - 1))
      .map(({ label, metrics }, index) => [
        plan.id,
        label,
        formatPercent(metrics.dice),
        formatPercent(metrics.iou),
        formatDistance(metrics.hd95),
        formatDistance(metrics.assd),
        formatPoints(differencePerClass[index]?.meanDifference ?? null),
        String(metrics.dice.count),
        String(metrics.dice.missed),
        String(metrics.dice.falsePositives),
      ]),
  );
  const numbers = ["Dice %", "IoU %", `HD95 ${unit}`, `ASSD ${unit}`, "Δ Dice", "cases", "missed", "false pos."];
  return htmlTable(
    [{ title: "strategy" }, { title: "class" }, ...numbers.map((title) => ({ title, isNumber: true }))],
    rows,
  );
}

function reliabilityTables(strategies: readonly StrategySummary[]): string {
  const summary = htmlTable(
    [
      { title: "strategy" },
      { title: "estimate" },
      ...["masks", "mean estimated", "Spearman", "AUC worst quarter", "mean abs. error"].map((title) => ({
        title,
        isNumber: true,
      })),
    ],
    strategies.map(({ plan, quality }) => [
      plan.id,
      plan.quality ?? "soft-dice",
      String(quality.masks),
      formatNumber(quality.meanEstimated, 3),
      formatRanking(quality.spearman, quality.masks),
      formatRanking(quality.areaUnderCurveWorstQuarter, quality.masks),
      formatNumber(quality.meanAbsoluteError, 3),
    ]),
  );
  const bins = htmlTable(
    [
      { title: "strategy" },
      { title: "estimated Dice" },
      ...["masks", "mean estimated", "mean true"].map((title) => ({ title, isNumber: true })),
    ],
    strategies.flatMap(({ plan, quality }) =>
      quality.bins.map((bin) => [
        plan.id,
        `${bin.lower.toFixed(1)} to ${bin.upper.toFixed(1)}`,
        String(bin.masks),
        bin.meanEstimated.toFixed(3),
        bin.meanActual.toFixed(3),
      ]),
    ),
  );
  return `${summary}\n<details><summary>Reliability by estimated Dice</summary>${bins}</details>`;
}

/** With more strategies than this the pictures are folded away, each strategy's behind its name. */
const UNFOLDED_STRATEGIES = 8;

async function pictureSection(
  strategy: StrategySummary,
  strategies: readonly StrategySummary[],
  folder: string,
): Promise<string> {
  const figures: string[] = [];
  for (const { role, case: entry, value } of strategy.shown) {
    const own =
      strategy === strategies[0] ? `Dice ${(100 * value).toFixed(1)} %` : `${formatPoints(value)} points of Dice`;
    const caption = `${strategy.plan.id}, ${role}: ${entry.caseId}${entry.pictureSlice > 0 ? `, slice ${entry.pictureSlice}` : ""}, ${own}`;
    const uri = await pictureUri(join(folder, entry.picture));
    figures.push(
      `<figure><img alt="${escapeHtml(caption)}" src="${uri}"><figcaption>${escapeHtml(caption)}</figcaption></figure>`,
    );
  }
  const open = strategies.length > UNFOLDED_STRATEGIES ? "" : " open";
  const difference = `<span class="soft">${describeDifference(strategy)}</span>`;
  return `<details class="strategy"${open}><summary>${escapeHtml(strategy.plan.id)} ${difference}</summary>\n${figures.join("\n")}\n</details>`;
}
