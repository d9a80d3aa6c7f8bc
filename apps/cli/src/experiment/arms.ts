import type { CaseScore, PairedComparison } from "@samrefine/evaluation";
import type { ClassSummary } from "../evaluation/evaluation-report.ts";
import { formatPercent, formatPValue } from "../evaluation/format-summary.ts";

/** One trained network of an experiment and what it measured. */
export interface Arm {
  readonly name: string;
  readonly trainedOn: string;
  readonly trainingCases: number;
  readonly steps: number;
  readonly scores: readonly CaseScore[];
  readonly classes: readonly ClassSummary[];
}

export interface ArmTable {
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

export function armTable(arms: readonly Arm[]): ArmTable {
  const labels = arms[0]!.classes.map(({ label }) => label);
  return {
    head: ["training", "on", "cases", "steps", ...labels.map((label) => `Dice % ${label}`)],
    rows: arms.map(({ name, trainedOn, trainingCases, steps, classes }) => [
      ...[name, trainedOn, String(trainingCases), String(steps)],
      ...classes.map(({ metrics }) => formatPercent(metrics.dice)),
    ]),
  };
}

/** @param what is compared with what, e.g. "Refined against raw pseudo labels". */
export function differenceInWords(
  what: string,
  { meanDifference, count, better, worse, test }: PairedComparison,
): string {
  if (meanDifference === null) return `${what}: no case has a value in both trainings, so the difference is unknown.`;
  const points = (100 * meanDifference).toFixed(1).replace("-", "−");
  return (
    `${what}: ${points} points of Dice over ${count} cases ` +
    `(${better} better, ${worse} worse; Wilcoxon p ${formatPValue(test.pValue)}).`
  );
}

export function armsMarkdown(title: string, { head, rows }: ArmTable, paragraphs: readonly string[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  return [
    `# ${title}`,
    "",
    "**Research use only.**",
    "",
    line(head),
    line(head.map(() => "---")),
    ...rows.map(line),
    "",
    ...paragraphs.flatMap((paragraph) => [paragraph, ""]),
  ].join("\n");
}
