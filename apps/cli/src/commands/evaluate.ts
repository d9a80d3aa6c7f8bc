import { join } from "node:path";
import { RefineError } from "@samrefine/core";
import type { Command } from "commander";
import { reportFailures, runCases } from "../cases/run-cases.ts";
import { type CaseSelection, casesOption, selectCases } from "../cases/select-cases.ts";
import {
  addCommonOptions,
  type CommandContext,
  type CommonOptions,
  writeJson,
  writeOutput,
} from "../command-context.ts";
import { listFolder } from "../dataset/list-folder.ts";
import { openDataset, readLabelsFrom } from "../dataset/open-dataset.ts";
import { addDistanceOptions, type DistanceOptions } from "../evaluation/distance-options.ts";
import { evaluationCsv, evaluationHtml, evaluationTable, summariseScores } from "../evaluation/evaluation-report.ts";
import { scoreCase } from "../evaluation/score-case.ts";
import { shownPath } from "../report/shown-path.ts";

interface EvaluateOptions extends CommonOptions, DistanceOptions {
  readonly dataset: string;
  readonly pred: string;
  readonly split?: string;
  readonly cases: CaseSelection;
  readonly out: string;
}

export function registerEvaluate(program: Command, context: CommandContext): void {
  const command = program
    .command("evaluate")
    .description(
      "Measure label maps against the reference: Dice, IoU, HD95, ASSD, surface Dice; JSON, CSV and an HTML page.",
    )
    .requiredOption("--dataset <folder>", "nnU-Net v2 raw data set with the reference")
    .requiredOption("--pred <folder>", "label maps named <case>.<ending>")
    .option("--split <file>", "another split than the data set's split.json")
    .addOption(casesOption("val"))
    .requiredOption("--out <folder>", "where evaluation.json, evaluation.csv and evaluation.html go");
  addCommonOptions(addDistanceOptions(command)).action((options: EvaluateOptions) => evaluate(options, context));
}

async function evaluate(options: EvaluateOptions, context: CommandContext): Promise<void> {
  const dataset = await openDataset(options.dataset, { split: options.split });
  const ids = selectCases(dataset, options.cases);
  await requireSomePrediction(options.pred, ids, dataset.fileEnding);
  const { results, failures } = await runCases("Measuring", ids, context, async (id) => {
    const image = await dataset.readCase(id);
    const reference = await dataset.readLabels(id);
    const predicted = await readLabelsFrom(dataset, id, join(options.pred, `${id}${dataset.fileEnding}`));
    return scoreCase(image, dataset, reference.slices, predicted.slices, options);
  });
  const scores = results.flat();
  const report = {
    schema: "samrefine-evaluation/1",
    researchUseOnly: true,
    dataset: dataset.name,
    cases: options.cases,
    predictions: shownPath(options.pred),
    seed: options.seed,
    surfaceTolerance: options.surfaceTolerance,
    summary: summariseScores(scores, options.seed),
    scores,
    failures,
  } as const;
  await writeJson(join(options.out, "evaluation.json"), report);
  await writeOutput(join(options.out, "evaluation.csv"), evaluationCsv(report));
  await writeOutput(join(options.out, "evaluation.html"), evaluationHtml(report));
  if (options.json !== undefined) await writeJson(options.json, { command: "evaluate", ...report });
  context.terminal.print(evaluationTable(report));
  context.terminal.print(`\n${results.length} cases; ${join(options.out, "evaluation.html")}. Research use only.`);
  reportFailures(failures, ids.length, context);
}

/** A wrong folder is one mistake, not one per case. @throws RefineError `configuration`. */
async function requireSomePrediction(folder: string, ids: readonly string[], fileEnding: string): Promise<void> {
  const names = new Set(await listFolder(folder, { hint: "Give the folder of the label maps with --pred." }));
  if (ids.some((id) => names.has(`${id}${fileEnding}`))) return;
  throw new RefineError(
    "configuration",
    `${folder} holds no label map of the ${ids.length} cases, such as ${ids[0]}${fileEnding}.`,
    { hint: "Give the folder of the label maps with --pred, or other --cases." },
  );
}
