import { readFile, stat } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { presetPlan, RefineError } from "@samrefine/core";
import type { CaseScore } from "@samrefine/evaluation";
import { selectCases } from "../cases/select-cases.ts";
import { type CommandContext, writeJson, writeOutput } from "../command-context.ts";
import type { RecipesOptions } from "../commands/experiment.ts";
import { refineDataset } from "../commands/refine.ts";
import { reasonOf } from "../dataset/dataset-error.ts";
import { type OpenedDataset, openDataset } from "../dataset/open-dataset.ts";
import { formatTable } from "../terminal/table.ts";
import { trainToFolder } from "../training/train-to-folder.ts";
import type { TrainingChoices } from "../training/training-options.ts";
import { type RecipeArm, type RecipeStudy, recipesMarkdown, recipeTable } from "./recipe-table.ts";
import { scoreModel } from "./score-model.ts";
import { writeReducedSplit } from "./write-reduced-split.ts";

/** The recipe of the training package that an arm runs, and whose pseudo labels it learns from. */
interface ArmSpec {
  readonly name: string;
  readonly recipe: string;
  readonly pseudoLabels?: "raw" | "refined";
}

const BASELINE = "supervised";

/** In order of running: the baseline's network makes the pseudo labels. */
const ARMS: readonly ArmSpec[] = [
  { name: BASELINE, recipe: "supervised" },
  { name: "pseudo-label", recipe: "pseudo-label", pseudoLabels: "raw" },
  { name: "burden", recipe: "pseudo-label", pseudoLabels: "refined" },
  ...["mean-teacher", "ua-mt", "cps", "fixmatch", "unimatch", "semisam", "samatch"].map((recipe) => ({
    name: recipe,
    recipe,
  })),
];

/** One data set with what the runs on it have in common. */
interface DatasetTask {
  readonly dataset: OpenedDataset;
  readonly choices: TrainingChoices & { readonly steps: number };
  readonly folder: string;
  /** Name of the plan that refines the pseudo labels. */
  readonly preset: string;
}

/**
 * Every recipe on every data set with the same number of steps, each measured at its last one. The table is written anew
 * after every arm; an arm that fails is named in it and does not stop the others.
 */
export async function runRecipes(options: RecipesOptions, context: CommandContext): Promise<void> {
  const arms = chooseArms(options.recipes);
  if (options.profile === "paper" && (options.steps === undefined || options.grid === undefined)) {
    throw new RefineError("configuration", "The publications differ in steps and grid, and the runs must not.", {
      hint: "Give --steps and --grid with --profile paper.",
    });
  }
  const { defaultConfiguration } = await import("@samrefine/training");
  const steps = options.steps ?? defaultConfiguration.steps;
  const tasks: DatasetTask[] = [];
  for (const [index, folder] of options.dataset.entries()) {
    tasks.push(await openTask(folder, index, { ...options, steps }));
  }
  const studies: RecipeStudy[] = [];
  for (const { dataset, choices, preset } of tasks) {
    studies.push({
      dataset: dataset.name,
      folder: basename(dataset.directory),
      preset,
      grid: choices.grid ?? defaultConfiguration.grid,
      labeledCases: choices.labeled ?? dataset.caseIds("labeled").length,
      unlabeledCases: dataset.caseIds("unlabeled").length,
      arms: [],
      failures: [],
    });
  }
  for (const [index, task] of tasks.entries()) {
    for (const spec of arms) {
      const study = studies[index]!;
      try {
        const arm = await finishedArm(spec, task, options, context);
        studies[index] = { ...study, arms: [...study.arms, arm] };
      } catch (error) {
        context.signal.throwIfAborted();
        studies[index] = { ...study, failures: [...study.failures, { name: spec.name, reason: reasonOf(error) }] };
      }
      await writeReport(studies, steps, options);
    }
  }
  for (const study of studies) {
    const { head, rows } = recipeTable(study, BASELINE, options.seed);
    context.terminal.print(`\n${study.folder}\n${formatTable(head, rows)}`);
    for (const { name, reason } of study.failures) context.terminal.note(`${study.folder}, ${name}: ${reason}`);
  }
  context.terminal.print(`\n${join(options.out, "recipes.md")}. Research use only.`);
  if (studies.some(({ failures }) => failures.length > 0)) process.exitCode = 1;
}

function chooseArms(asked: readonly string[] | undefined): readonly ArmSpec[] {
  if (asked === undefined) return ARMS;
  const unknown = asked.find((name) => !ARMS.some((arm) => arm.name === name));
  if (unknown !== undefined) {
    throw new RefineError("configuration", `There is no arm "${unknown}".`, {
      hint: `Choose among: ${ARMS.map(({ name }) => name).join(", ")}.`,
    });
  }
  return ARMS.filter(({ name }) => name === BASELINE || asked.includes(name));
}

async function openTask(
  directory: string,
  index: number,
  options: RecipesOptions & { readonly steps: number },
): Promise<DatasetTask> {
  const { dataset: all, grid, unlabeled, recipes: _recipes, preset: presets, ...common } = options;
  const folder = join(options.out, basename(resolve(directory)));
  const count = entryFor("--unlabeled", unlabeled, index, all.length);
  const split = await writeReducedSplit(await openDataset(directory), count, folder);
  const dataset = await openDataset(directory, { split });
  selectCases(dataset, options.cases);
  const { id: preset } = presetPlan(entryFor("--preset", presets, index, all.length) ?? "ours");
  const ownGrid = entryFor("--grid", grid, index, all.length);
  const choices = { ...common, dataset: directory, split, ...(ownGrid && { grid: ownGrid }) };
  return { dataset, choices, folder, preset };
}

/** The entry of a data set: its own, or the only one. */
function entryFor<T>(option: string, values: readonly T[] | undefined, index: number, count: number): T | undefined {
  if (values === undefined || values.length === 1) return values?.[0];
  if (values.length === count) return values[index];
  throw new RefineError("configuration", `${option} is given ${values.length} times for ${count} data sets.`, {
    hint: "Give it once for all data sets, or once for each in their order.",
  });
}

/** The arm as an earlier start of the command left it, or run now. */
async function finishedArm(
  spec: ArmSpec,
  task: DatasetTask,
  options: RecipesOptions,
  context: CommandContext,
): Promise<RecipeArm> {
  const folder = join(task.folder, spec.name);
  const record = join(folder, "arm.json");
  const given = givenOptions(task, spec);
  const before = await readJsonIfThere<{ readonly given: unknown; readonly arm: RecipeArm }>(record);
  if (before) {
    if (JSON.stringify(before.given) === JSON.stringify(given)) return before.arm;
    throw new RefineError("configuration", `${record} was made with other options.`, {
      hint: "Choose another --out, or delete that folder to run the arm anew.",
    });
  }
  const arm = await runArm(spec, task, folder, options, context);
  await writeJson(record, { given, arm });
  return arm;
}

async function runArm(
  { name, recipe, pseudoLabels }: ArmSpec,
  task: DatasetTask,
  folder: string,
  options: RecipesOptions,
  context: CommandContext,
): Promise<RecipeArm> {
  const embeddings = options.embeddings ?? join(options.out, "embeddings");
  const labels = pseudoLabels && (await makePseudoLabels(pseudoLabels, task, embeddings, context));
  const isContinued = await exists(join(folder, "checkpoint.bin"));
  const started = performance.now();
  const run = {
    ...{ ...task.choices, embeddings, recipe, validateEvery: task.choices.steps, out: folder, resume: true },
    ...(labels && { pseudoLabels: labels.folder }),
  };
  const result = await trainToFolder(run, context, `${basename(task.folder)}: ${name}`);
  const seconds = (performance.now() - started) / 1000 + (labels?.seconds ?? 0);
  const scores: readonly CaseScore[] = await scoreModel(
    join(folder, "manifest.json"),
    task.dataset,
    { ...task.choices, cases: options.cases },
    context,
  );
  return {
    name,
    steps: result.configuration.steps,
    trainingCases: result.trainingCaseIds.length,
    // Of a run that was interrupted only the last part is known.
    seconds: isContinued ? null : seconds,
    secondsPerStep: result.secondsPerStep ?? null,
    backend: result.backend,
    scores,
  };
}

/** Label maps of the unlabelled cases by the baseline's network, and what making them took; kept ones are used again. */
async function makePseudoLabels(
  kind: "raw" | "refined",
  { folder, choices, preset }: DatasetTask,
  embeddings: string,
  context: CommandContext,
): Promise<{ readonly folder: string; readonly seconds: number }> {
  const out = join(folder, `pseudo-${kind}`);
  const chosen = { preset: kind === "raw" ? "raw" : preset };
  const report = join(out, "report.json");
  if (!(await exists(report))) {
    const model = join(folder, BASELINE, "manifest.json");
    await refineDataset({ ...choices, ...chosen, embeddings, model, cases: "unlabeled", out }, context);
  }
  const { cases } = JSON.parse(await readFile(report, "utf8")) as { cases: readonly { readonly seconds: number }[] };
  return { folder: out, seconds: cases.reduce((sum, { seconds }) => sum + seconds, 0) };
}

/** What decides an arm's result, without where it runs and where things lie. */
function givenOptions({ dataset, choices, preset }: DatasetTask, spec: ArmSpec): unknown {
  const { seed, steps, labeled, batch, unlabeledBatch, network, modelSize, levels, grid, channels } = choices;
  const { intensity, loss, balance, learningRate, average, augment, flip, profile, set } = choices;
  const given = {
    ...{ seed, steps, labeled, batch, unlabeledBatch, network, modelSize, levels, grid, channels },
    ...{ intensity, loss, balance, learningRate, average, augment, flip, profile, set },
    unlabeled: dataset.caseIds("unlabeled"),
    ...spec,
    ...(spec.pseudoLabels === "refined" && { preset }),
  };
  return JSON.parse(JSON.stringify(given));
}

async function writeReport(
  studies: readonly RecipeStudy[],
  steps: number,
  { seed, cases, out, json }: RecipesOptions,
): Promise<void> {
  const report = { schema: "samrefine-recipes/1", researchUseOnly: true, cases, steps, seed, studies };
  await writeJson(join(out, "recipes.json"), report);
  if (json !== undefined) await writeJson(json, report);
  await writeOutput(join(out, "recipes.md"), recipesMarkdown(studies, { steps, cases, baseline: BASELINE, seed }));
}

async function exists(path: string): Promise<boolean> {
  return await stat(path).then(
    () => true,
    () => false,
  );
}

async function readJsonIfThere<T>(path: string): Promise<T | undefined> {
  return (await exists(path)) ? (JSON.parse(await readFile(path, "utf8")) as T) : undefined;
}
