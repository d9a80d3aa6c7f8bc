import { join } from "node:path";
import { presetPlan, RefineError } from "@samrefine/core";
import { compareWithBaseline } from "@samrefine/evaluation";
import { selectCases } from "../cases/select-cases.ts";
import { type CommandContext, writeJson, writeOutput } from "../command-context.ts";
import type { BurdenOptions } from "../commands/experiment.ts";
import { refineDataset } from "../commands/refine.ts";
import { openDataset } from "../dataset/open-dataset.ts";
import { summariseScores } from "../evaluation/evaluation-report.ts";
import { formatTable } from "../terminal/table.ts";
import { type TrainOptions, trainToFolder } from "../training/train-to-folder.ts";
import { type Arm, armsMarkdown, armTable, differenceInWords } from "./arms.ts";
import { scoreModel } from "./score-model.ts";

const REMARK =
  "All trainings have the same number of steps and start from random weights; the last step is measured. The initial\n" +
  "training has seen other cases than the fresh ones, so only the two fresh ones are to be compared.";
const RAW = "fresh, raw pseudo labels";
const REFINED = "fresh, refined pseudo labels";

/**
 * Initial training, pseudo labels with and without refinement, fresh training on each, all with the same number of steps
 * (methods.md 1.4: only the two fresh trainings differ in SAM alone). The last step of every run is measured, so that the
 * measured cases choose nothing.
 */
export async function runBurden(options: BurdenOptions, context: CommandContext): Promise<void> {
  const { preset, plan, cases, out, json, ...choices } = options;
  if (preset !== undefined && plan !== undefined) {
    throw new RefineError("configuration", "Give --preset or --plan, not both.");
  }
  const dataset = await openDataset(options.dataset, { split: options.split });
  selectCases(dataset, cases);
  const trainArm = async (name: string, folder: string, part: Pick<TrainOptions, "recipe" | "pseudoLabels">) => {
    const { defaultConfiguration } = await import("@samrefine/training");
    const steps = options.steps ?? defaultConfiguration.steps;
    const run = { ...choices, ...part, steps, validateEvery: steps, out: join(out, folder) };
    const result = await trainToFolder(run, context, `training: ${name}`);
    const scores = await scoreModel(join(out, folder, "manifest.json"), dataset, options, context);
    const trainedOn = part.pseudoLabels === undefined ? "labelled cases" : "unlabelled cases";
    const classes = summariseScores(scores, options.seed);
    return { name, trainedOn, trainingCases: result.trainingCaseIds.length, steps, scores, classes };
  };
  const pseudoLabels = async (folder: string, chosen: { readonly preset?: string; readonly plan?: string }) => {
    const model = join(out, "initial", "manifest.json");
    await refineDataset({ ...choices, ...chosen, model, cases: "unlabeled", out: join(out, folder) }, context);
    return join(out, folder);
  };

  const initial = await trainArm("initial", "initial", { recipe: "supervised" });
  const rawLabels = await pseudoLabels("pseudo-raw", { preset: "raw" });
  const refining = plan === undefined ? { preset: preset ?? presetPlan("ours").id } : { plan };
  const refinedLabels = await pseudoLabels("pseudo-refined", refining);
  const raw = await trainArm(RAW, "fresh-raw", { recipe: "pseudo-label", pseudoLabels: rawLabels });
  const refined = await trainArm(REFINED, "fresh-refined", { recipe: "pseudo-label", pseudoLabels: refinedLabels });

  const arms: readonly Arm[] = [initial, raw, refined];
  const [difference] = compareWithBaseline(raw, [refined], "dice", { seed: options.seed });
  const report = {
    schema: "samrefine-burden/1",
    researchUseOnly: true,
    dataset: dataset.name,
    split: cases,
    plan: refining,
    seed: options.seed,
    arms,
    difference,
  };
  await writeJson(join(out, "burden.json"), report);
  if (json !== undefined) await writeJson(json, report);
  const table = armTable(arms);
  const sentence = differenceInWords("Refined against raw pseudo labels", difference!);
  await writeOutput(
    join(out, "burden.md"),
    armsMarkdown(`SAM Carries the Burden on ${dataset.name}`, table, [sentence, REMARK]),
  );
  context.terminal.print(formatTable(table.head, table.rows));
  context.terminal.print(`\n${sentence}\n${join(out, "burden.md")}. Research use only.`);
}
