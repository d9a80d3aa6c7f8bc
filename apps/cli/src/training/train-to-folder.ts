import { access, constants, mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { availableParallelism, totalmem } from "node:os";
import { basename, join, resolve } from "node:path";
import { type IntensityPolicy, presetPlan, RefineError, type RefinementPlan, type Releasable } from "@samrefine/core";
import type {
  ModelDescription,
  PromptableGuide,
  RunStore,
  TrainingConfiguration,
  TrainingOptions,
  TrainingResult,
} from "@samrefine/training";
import { type CommandContext, writeJson, writeOutput } from "../command-context.ts";
import { type OpenedDataset, openDataset, readLabelsFrom } from "../dataset/open-dataset.ts";
import { loadPlan } from "../models/load-plan.ts";
import type { SamOptions } from "../models/open-models.ts";
import { displayRangeOf } from "../models/propose.ts";
import { configureTraining, type TrainingChoices } from "./training-options.ts";

/** A training run into a folder, as `samrefine train` takes it. */
export interface TrainOptions extends TrainingChoices, SamOptions {
  readonly recipe: string;
  readonly pseudoLabels?: string;
  /** Whose label maps these are; default the unlabelled cases'. */
  readonly pseudoLabeled?: "labeled" | "unlabeled";
  readonly keepLabeled?: boolean;
  readonly caseWeights?: string;
  readonly preset?: string;
  readonly plan?: string;
  readonly out: string;
  readonly resume?: boolean;
  /** Replaces a run that is in the folder. */
  readonly overwrite?: boolean;
  readonly id?: string;
  readonly describe?: string;
  readonly labels?: string;
  readonly appliesTo?: string;
  /** Taken as it is, instead of the choices. */
  readonly configuration?: TrainingConfiguration;
}

/**
 * Trains and writes the run folder: checkpoint.bin, model.onnx, manifest.json, metrics.json, curves.svg, README.md.
 * @param stage shown beside the progress bar.
 * @throws RefineError what `train` of the training package throws, and `configuration` for options that do not fit, for a
 * folder that cannot be written and for one that holds a run, unless it is resumed or overwritten.
 */
export async function trainToFolder(
  options: TrainOptions,
  context: CommandContext,
  stage = "training",
): Promise<TrainingResult> {
  const { terminal, signal } = context;
  const [training, { createRawSession }] = await Promise.all([
    import("@samrefine/training"),
    import("@samrefine/inference/node"),
  ]);
  const dataset = await openDataset(options.dataset, { split: options.split });
  const description = await readDescription(options, training.parseModelDescription);
  const configuration =
    options.configuration ?? configureTraining(options, dataset, await askedPlan(options), training);
  await prepareRunFolder(options, [training.CHECKPOINT_FILE, training.MODEL_FILE]);
  const pseudoLabels = await selectPseudoLabels(options, dataset, training.firstLabeledCases);
  const guide = training.requireRecipe(options.recipe).usesPromptable
    ? await openGuide(options, dataset, configuration.intensity, context)
    : undefined;
  const progress = terminal.startProgress();
  let result: TrainingResult;
  try {
    result = await training.train({
      dataset,
      configuration,
      createSession: createRawSession,
      session: { threads: options.threads ?? availableParallelism(), provider: options.provider },
      store: folderStore(options.out),
      resume: options.resume ?? false,
      memoryLimitBytes: options.memoryLimit === undefined ? machineMemoryBytes() : options.memoryLimit * 2 ** 30,
      modelMetadata: {
        title: description.title,
        licence: description.licence,
        source: description.source,
        use: "Research use only",
      },
      ...pseudoLabels,
      promptable: guide?.promptable,
      signal,
      onProgress: (event) => progress.update(event),
      onStep: ({ step, steps, loss, seconds, validation }) => {
        const dice = validation ? `, Dice ${validation.meanDice.toFixed(3)} at step ${validation.step}` : "";
        progress.update(
          { stage, completed: step, total: steps, unit: "batch" },
          `loss ${loss.toFixed(4)}${dice}, ${seconds.toFixed(2)} s per step`,
        );
      },
    });
  } finally {
    progress.stop();
    await guide?.dispose();
  }
  const command = commandLine(process.argv);
  const manifest = await training.trainedModelManifest(result, dataset, description);
  const metrics = training.trainingMetrics(result);
  await writeOutput(join(options.out, training.MODEL_FILE), result.model);
  await writeJson(join(options.out, "manifest.json"), manifest);
  await writeJson(join(options.out, "metrics.json"), metrics);
  await writeOutput(join(options.out, "curves.svg"), training.curvesSvg(result.history, description.title));
  await writeOutput(
    join(options.out, "README.md"),
    training.modelCard({ result, dataset, description, manifest, command }),
  );
  if (options.json !== undefined) await writeJson(options.json, metrics);
  terminal.print(summary(result, options.out));
  return result;
}

/** The engine with SAM for recipes that ask it. Embeddings lie beside the run, so that they go with it. */
async function openGuide(
  options: TrainOptions,
  dataset: OpenedDataset,
  intensity: IntensityPolicy,
  context: CommandContext,
): Promise<Releasable & { readonly promptable: PromptableGuide }> {
  const { loadSam, openEngine } = await import("../models/open-models.ts");
  const engine = await openEngine({ ...options, embeddings: options.embeddings ?? join(options.out, "embeddings") });
  try {
    const segmenter = await loadSam(engine, options, context);
    return {
      promptable: { segmenter, displayRange: (image) => displayRangeOf(image, dataset.channelName, intensity) },
      dispose: () => engine.dispose(),
    };
  } catch (error) {
    await engine.dispose();
    throw error;
  }
}

/** Of the machine, or of the container where that has less. */
function machineMemoryBytes(): number {
  // 0 where the container has no limit of its own, or none is known.
  const constrained = process.constrainedMemory();
  return constrained > 0 ? Math.min(constrained, totalmem()) : totalmem();
}

async function askedPlan({ preset, plan }: TrainOptions): Promise<RefinementPlan | undefined> {
  if (preset !== undefined && plan !== undefined) {
    throw new RefineError("configuration", "Give --preset or --plan, not both.");
  }
  if (preset !== undefined) return presetPlan(preset);
  return plan === undefined ? undefined : await loadPlan(plan);
}

/** What `--pseudo-labels` changes: which cases are trained on, where their labels come from and what they weigh. */
async function selectPseudoLabels(
  { recipe, pseudoLabels, pseudoLabeled = "unlabeled", keepLabeled = false, caseWeights, labeled }: TrainOptions,
  dataset: OpenedDataset,
  firstLabeledCases: typeof import("@samrefine/training").firstLabeledCases,
): Promise<Pick<TrainingOptions, "trainingCaseIds" | "readTrainingLabels" | "caseWeights">> {
  if ((recipe === "pseudo-label") !== (pseudoLabels !== undefined)) {
    throw new RefineError("configuration", "The recipe pseudo-label and --pseudo-labels belong together.", {
      hint: "Give both, or neither.",
    });
  }
  if (pseudoLabels === undefined) return {};
  const files = new Set(await readdir(pseudoLabels).catch(() => []));
  const pseudo = dataset.caseIds(pseudoLabeled).filter((id) => files.has(`${id}${dataset.fileEnding}`));
  if (pseudo.length === 0) {
    throw new RefineError(
      "dataset",
      `${pseudoLabels} holds no label map of ${pseudoLabeled === "labeled" ? "a labelled" : "an unlabelled"} case of ${dataset.name}.`,
      {
        hint: `Files are named <case>${dataset.fileEnding}.`,
      },
    );
  }
  const own = new Set(keepLabeled ? firstLabeledCases(dataset, labeled ?? null) : []);
  return {
    trainingCaseIds: [...own, ...pseudo],
    readTrainingLabels: (id) =>
      own.has(id)
        ? dataset.readLabels(id)
        : readLabelsFrom(dataset, id, join(pseudoLabels, `${id}${dataset.fileEnding}`)),
    ...(caseWeights && { caseWeights: parseCaseWeights(await readJson(caseWeights), caseWeights) }),
  };
}

function parseCaseWeights(value: unknown, path: string): ReadonlyMap<string, number> {
  const entries = Object.entries((value ?? {}) as Record<string, unknown>);
  const wrong = entries.find(([, weight]) => typeof weight !== "number" || !(weight >= 0));
  if (wrong) {
    throw new RefineError("configuration", `${path}: the weight of case ${wrong[0]} is not a number of at least 0.`);
  }
  return new Map(entries as [string, number][]);
}

async function readDescription(
  options: TrainOptions,
  parse: (value: unknown, origin: string) => ModelDescription,
): Promise<ModelDescription> {
  const described = options.describe ? ((await readJson(options.describe)) as Record<string, unknown>) : {};
  const id = options.id ?? described.id ?? basename(resolve(options.out)).toLowerCase();
  return parse(
    {
      ...described,
      id,
      ...(options.labels && { labels: await readJson(options.labels) }),
      ...(options.appliesTo && { appliesTo: await readJson(options.appliesTo) }),
    },
    options.describe ?? options.labels ?? options.appliesTo ?? "of this run",
  );
}

async function readJson(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, "utf8"));
  } catch (cause) {
    throw new RefineError("configuration", `${path} is not a readable JSON file: ${(cause as Error).message}`, {
      cause,
    });
  }
}

/** Makes the folder before the first step: a run of hours must not find out at its end that it cannot write. */
async function prepareRunFolder(
  { out, resume = false, overwrite = false }: TrainOptions,
  runFiles: readonly string[],
): Promise<void> {
  if (resume && overwrite) throw new RefineError("configuration", "Give --resume or --overwrite, not both.");
  let files: readonly string[];
  try {
    await mkdir(out, { recursive: true });
    await access(out, constants.W_OK);
    files = await readdir(out);
  } catch (cause) {
    throw new RefineError("configuration", `The run folder ${out} cannot be written: ${(cause as Error).message}`, {
      hint: "Choose another folder with --out.",
      details: { folder: out },
      cause,
    });
  }
  const found = runFiles.find((name) => files.includes(name));
  if (found === undefined || resume || overwrite) return;
  throw new RefineError("configuration", `${out} holds a run already (${found}).`, {
    hint: "Go on with it by --resume, replace it by --overwrite, or choose another --out.",
    details: { folder: out },
  });
}

/** Files of a run in a folder. A file is written beside its place and then moved there, so that none is ever half. */
function folderStore(folder: string): RunStore {
  return {
    async write(name, bytes) {
      const path = join(folder, name);
      try {
        await mkdir(folder, { recursive: true });
        await writeFile(`${path}.partial`, bytes);
        await rename(`${path}.partial`, path);
      } catch (cause) {
        // What was written of it would go on filling the disk.
        await rm(`${path}.partial`, { force: true }).catch(() => {});
        throw new RefineError("training", `${path} cannot be written: ${(cause as Error).message}`, {
          hint: "The previous checkpoint is still there. Make room or choose another folder, then --resume.",
          cause,
        });
      }
    },
    async read(name) {
      try {
        return await readFile(join(folder, name));
      } catch (cause) {
        if ((cause as NodeJS.ErrnoException).code === "ENOENT") return undefined;
        throw cause;
      }
    },
  };
}

function summary({ final, chosenStep, secondsPerStep, backend }: TrainingResult, out: string): string {
  const dice = final
    ? `Dice on ${final.cases.length} validation cases: ${final.perLabel.map(({ name, dice }) => `${name} ${dice?.toFixed(3) ?? "absent"}`).join(", ")} (mean ${final.meanDice.toFixed(3)}), step ${chosenStep}.`
    : "No validation cases, so nothing was measured.";
  const speed = secondsPerStep === undefined ? "" : `${secondsPerStep.toFixed(2)} s per step, `;
  return `Model in ${out}. ${dice}\n${speed}${backend}. Research use only.`;
}

/** The command as it was given, without where it ran: folders by their names, no threads. */
function commandLine(argument: readonly string[]): string {
  const argv = argument.slice(argument.findIndex((word) => ["train", "experiment", "calibrate"].includes(word)));
  const drop = new Set(["--threads", "--json", "--resume"]);
  const words: string[] = [];
  for (let index = 0; index < argv.length; index++) {
    const word = argv[index]!;
    if (drop.has(word)) {
      if (word !== "--resume") index++;
      continue;
    }
    words.push(word.includes("/") ? basename(resolve(word)) : word);
  }
  return `samrefine ${words.join(" ")}`;
}
