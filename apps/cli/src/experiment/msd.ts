import { join } from "node:path";
import { presetPlan } from "@samrefine/core";
import { type CaseScore, compareWithBaseline } from "@samrefine/evaluation";
import { selectCases } from "../cases/select-cases.ts";
import { type CommandContext, writeJson, writeOutput } from "../command-context.ts";
import type { MsdOptions } from "../commands/experiment.ts";
import { runPlans } from "../compare/run-plans.ts";
import { type OpenedDataset, openDataset } from "../dataset/open-dataset.ts";
import { writeLabelMap } from "../dataset/write-case.ts";
import { summariseScores } from "../evaluation/evaluation-report.ts";
import { formatPercent } from "../evaluation/format-summary.ts";
import { scoreCase } from "../evaluation/score-case.ts";
import { openEngine, openSam, openUnet } from "../models/open-models.ts";
import { formatTable } from "../terminal/table.ts";
import { type TrainOptions, trainToFolder } from "../training/train-to-folder.ts";
import { type Arm, armsMarkdown, armTable, differenceInWords } from "./arms.ts";
import { scoreModel } from "./score-model.ts";

/**
 * SAM as the annotator of the training cases (methods.md 4): one network learns from the reference labels, one from SAM's masks
 * of prompts that the reference gives, slice by slice, as a person would give them. Same cases, same steps, same start; the last
 * step is measured. Only labelled cases are prompted.
 */
export async function runMsd(options: MsdOptions, context: CommandContext): Promise<void> {
  const { preset, cases, out, json, ...choices } = options;
  const plan = presetPlan(preset);
  const dataset = await openDataset(options.dataset, { split: options.split });
  selectCases(dataset, cases);
  const { defaultConfiguration, firstLabeledCases } = await import("@samrefine/training");
  const steps = options.steps ?? defaultConfiguration.steps;
  const trainArm = async (name: string, folder: string, part: Partial<TrainOptions>): Promise<Arm> => {
    const run = { ...choices, recipe: "supervised", ...part, steps, validateEvery: steps, out: join(out, folder) };
    const result = await trainToFolder(run, context, `training: ${name}`);
    const scores = await scoreModel(join(out, folder, "manifest.json"), dataset, options, context);
    const trainingCases = result.trainingCaseIds.length;
    return {
      name,
      trainedOn: "labelled cases",
      trainingCases,
      steps,
      scores,
      classes: summariseScores(scores, options.seed),
    };
  };

  const reference = await trainArm("reference labels", "reference", {});
  const samLabels = join(out, "sam-labels");
  const ids = firstLabeledCases(dataset, options.labeled ?? null);
  const labelScores = await annotate(ids, dataset, samLabels, options, context);
  const pseudo = { recipe: "pseudo-label", pseudoLabels: samLabels, pseudoLabeled: "labeled" } as const;
  const student = await trainArm("SAM's labels", "sam", pseudo);

  const arms = [reference, student];
  const labels = summariseScores(labelScores, options.seed);
  const [difference] = compareWithBaseline(reference, [student], "dice", { seed: options.seed });
  const report = {
    schema: "samrefine-msd/1",
    researchUseOnly: true,
    dataset: dataset.name,
    split: cases,
    plan: plan.id,
    prompts: "simulated from the reference",
    seed: options.seed,
    labels,
    arms,
    difference,
  };
  await writeJson(join(out, "msd.json"), report);
  if (json !== undefined) await writeJson(json, report);
  const table = armTable(arms);
  const quality = labels.map(({ label, metrics }) => `${label} ${formatPercent(metrics.dice)}`).join(", ");
  const sentences = [
    `SAM's labels of the ${ids.length} training cases (${plan.id}, prompts simulated from the reference), Dice %: ${quality}.`,
    differenceInWords("Trained on SAM's labels against on the reference", difference!),
  ];
  await writeOutput(join(out, "msd.md"), armsMarkdown(`SAM as the annotator of ${dataset.name}`, table, sentences));
  context.terminal.print(formatTable(table.head, table.rows));
  context.terminal.print(`\n${sentences.join("\n")}\n${join(out, "msd.md")}. Research use only.`);
}

/** SAM's label maps of the cases, prompted by their reference; @returns how they compare with it. */
async function annotate(
  ids: readonly string[],
  dataset: OpenedDataset,
  folder: string,
  options: MsdOptions,
  context: CommandContext,
): Promise<readonly CaseScore[]> {
  const { signal } = context;
  const engine = await openEngine(options);
  const progress = context.terminal.startProgress();
  try {
    const unet = await openUnet(engine, join(options.out, "reference", "manifest.json"), context);
    const plans = [presetPlan(options.preset)];
    const sam = await openSam(engine, plans, options, context);
    const scores: CaseScore[] = [];
    for (const [index, id] of ids.entries()) {
      progress.update({ stage: "annotating by SAM", completed: index, total: ids.length, unit: "case" });
      const { image, reference, runs } = await runPlans(id, {
        dataset,
        unet,
        sam,
        plans,
        signal,
        initial: "reference",
      });
      await writeLabelMap(dataset, image, runs[0]!.labels, folder);
      scores.push(...scoreCase(image, dataset, reference, runs[0]!.labels, { distances: false }));
    }
    return scores;
  } finally {
    progress.stop();
    await engine.dispose();
  }
}
