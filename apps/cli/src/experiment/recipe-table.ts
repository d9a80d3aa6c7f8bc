import { type CaseScore, compareWithBaseline, type PairedComparison } from "@samrefine/evaluation";
import { summariseScores } from "../evaluation/evaluation-report.ts";
import { formatNumber, formatPercent, formatPValue } from "../evaluation/format-summary.ts";

/** One recipe's network and what it measured. */
export interface RecipeArm {
  readonly name: string;
  readonly steps: number;
  readonly trainingCases: number;
  /** Making pseudo labels and training, with SAM's encoding of slices that no earlier arm encoded; null when not known. */
  readonly seconds: number | null;
  /** Median. */
  readonly secondsPerStep: number | null;
  readonly backend: string;
  readonly scores: readonly CaseScore[];
}

/** The arms on one data set. */
export interface RecipeStudy {
  readonly dataset: string;
  /** Name of its folder. */
  readonly folder: string;
  /** The plan that refined the pseudo labels of burden. */
  readonly preset: string;
  readonly grid: { readonly rows: number; readonly columns: number };
  readonly labeledCases: number;
  readonly unlabeledCases: number;
  readonly arms: readonly RecipeArm[];
  readonly failures: readonly { readonly name: string; readonly reason: string }[];
}

interface TextTable {
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** One row per arm: Dice of every class, of all classes together, and the paired difference to the baseline. */
export function recipeTable({ arms }: RecipeStudy, baseline: string, seed: number): TextTable {
  const first = arms.find(({ name }) => name === baseline);
  const differences =
    first === undefined
      ? []
      : compareWithBaseline(
          first,
          arms.filter((arm) => arm !== first),
          "dice",
          { seed },
        );
  const labels = arms[0] === undefined ? [] : summariseScores(arms[0].scores, seed).map(({ label }) => label);
  return {
    head: [
      "recipe",
      ...labels.map((label) => `Dice % ${label}`),
      `points to ${baseline}`,
      "p",
      "s per step",
      "s in all",
    ],
    rows: arms.map(({ name, scores, secondsPerStep, seconds }) => {
      const difference = differences.find(({ candidate }) => candidate === name);
      return [
        name,
        ...summariseScores(scores, seed).map(({ metrics }) => formatPercent(metrics.dice)),
        differenceText(difference),
        difference === undefined ? "–" : formatPValue(difference.adjustedPValue),
        formatNumber(secondsPerStep, 2),
        formatNumber(seconds, 0),
      ];
    }),
  };
}

/** "+1.2 (−0.3–2.6)", in points of Dice. */
function differenceText(difference: PairedComparison | undefined): string {
  if (difference === undefined || difference.meanDifference === null) return "–";
  const points = (value: number): string => (100 * value).toFixed(1).replace("-", "−");
  const { meanDifference, interval } = difference;
  const sign = meanDifference > 0 ? "+" : "";
  return `${sign}${points(meanDifference)}${interval ? ` (${points(interval.lower)} to ${points(interval.upper)})` : ""}`;
}

export interface MarkdownOptions {
  readonly steps: number;
  readonly cases: string;
  readonly baseline: string;
  readonly seed: number;
}

/** All studies as one page. */
export function recipesMarkdown(
  studies: readonly RecipeStudy[],
  { steps, cases, baseline, seed }: MarkdownOptions,
): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  const sections = studies.flatMap((study) => {
    const { head, rows } = recipeTable(study, baseline, seed);
    const { grid, preset, labeledCases, unlabeledCases, arms, failures } = study;
    const measured = new Set(arms.flatMap(({ scores }) => scores.map(({ caseId }) => caseId))).size;
    return [
      `## ${study.folder}: ${study.dataset}`,
      "",
      `${labeledCases} labelled and ${unlabeledCases} unlabelled cases, grid ${grid.rows} × ${grid.columns}, measured on ${measured} cases of \`${cases}\`; burden refines by the plan ${preset}.`,
      "",
      line(head),
      line(head.map(() => "---")),
      ...rows.map(line),
      "",
      ...failures.map(({ name, reason }) => `- ${name} failed: ${reason}`),
      ...(failures.length > 0 ? [""] : []),
    ];
  });
  return [
    `# Recipes at ${steps} steps each`,
    "",
    "**Research use only.**",
    "",
    ...sections,
    "Every run starts from the same random weights and is measured at its last step. Brackets: 95 % bootstrap interval over",
    `cases. Points: mean difference of Dice to ${baseline}, case by case; p: Wilcoxon signed-rank test, Bonferroni over the`,
    "recipes of the data set. pseudo-label and burden learn from the unlabelled cases alone, labelled by the network of",
    `${baseline}, as it labels them and refined by SAM. One seed: differences between seeds are not in the intervals.`,
    "",
  ].join("\n");
}
