import { mkdir, readdir, readFile, rename, writeFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { basename, join, resolve } from "node:path";
import { type IntensityPolicy, RefineError } from "@samrefine/core";
import type {
  AugmentationProfile,
  ModelDescription,
  RunStore,
  TrainingConfiguration,
  TrainingOptions,
  TrainingResult,
} from "@samrefine/training";
import { type Command, InvalidArgumentError, Option } from "commander";
import {
  addCommonOptions,
  type CommandContext,
  type CommonOptions,
  parseInteger,
  writeJson,
  writeOutput,
} from "../command-context.ts";
import { type OpenedDataset, openDataset, readLabelsFrom } from "../dataset/open-dataset.ts";

interface TrainOptions extends CommonOptions {
  readonly dataset: string;
  readonly recipe: string;
  readonly split?: string;
  readonly labeled?: number;
  readonly steps?: number;
  readonly batch?: number;
  readonly network?: TrainingConfiguration["network"]["kind"];
  readonly modelSize?: number;
  readonly levels?: number;
  readonly grid?: TrainingConfiguration["grid"];
  readonly channels?: number;
  readonly intensity?: IntensityPolicy;
  readonly loss?: TrainingConfiguration["loss"]["kind"];
  readonly balance?: number;
  readonly learningRate?: number;
  readonly average?: number;
  readonly augment?: AugmentationProfile;
  readonly flip?: "none" | "horizontal" | "both";
  readonly validateEvery?: number;
  readonly pseudoLabels?: string;
  readonly keepLabeled?: boolean;
  readonly caseWeights?: string;
  readonly out: string;
  readonly resume?: boolean;
  readonly id?: string;
  readonly describe?: string;
  readonly labels?: string;
  readonly appliesTo?: string;
}

export function registerTrain(program: Command, context: CommandContext): void {
  const command = program
    .command("train")
    .description(
      "Train a U-Net on a data set and write it as an ONNX model with manifest, metrics, curves and model card.\n" +
        "Ctrl-C writes a checkpoint; --resume goes on from it exactly.",
    )
    .requiredOption("--dataset <folder>", "nnU-Net v2 raw data set")
    .option("--recipe <name>", "supervised, pseudo-label, mean-teacher, ua-mt, cps or fixmatch", "supervised")
    .option("--split <file>", "another split than the data set's split.json")
    .option("--labeled <number>", "use only the first so many labelled cases", parseInteger(1))
    .option("--steps <number>", "optimiser steps", parseInteger(1))
    .option("--batch <number>", "labelled images per step", parseInteger(1))
    .addOption(
      new Option("--network <kind>", "U-Net with instance norm, or with batch norm and dropout").choices([
        "scb-unet",
        "ssl4mis-unet",
      ]),
    )
    .option("--model-size <width>", "channels of the first stage (16 = 1.9 million parameters)", parseInteger(1))
    .option("--levels <number>", "stages of the U-Net", parseInteger(1))
    .option("--grid <RxC>", "rows and columns of the network's input, e.g. 128x320", parseGrid)
    .option("--channels <number>", "neighbouring slices as channels: 1 or 3", parseInteger(1))
    .option(
      "--intensity <policy>",
      "percentiles[:lower,upper], percentiles-image[:lower,upper], window:center,width or fixed:scale,mean,deviation",
      parseIntensity,
    )
    .addOption(new Option("--loss <kind>", "loss on labelled images").choices(["bce", "bce-dice"]))
    .option(
      "--balance <limit>",
      "weigh foreground by negative / positive pixels of each label, at most this; for small structures",
      parsePositive,
    )
    .option("--learning-rate <number>", "initial learning rate", parsePositive)
    .option("--average <decay>", "keep and export a moving average of the weights, e.g. 0.99", parsePositive)
    .addOption(
      new Option("--augment <profile>", "augmentation; default by the data set's dimension").choices([
        "none",
        "scb",
        "radiograph",
        "volume",
        "ssl4mis",
      ]),
    )
    .addOption(
      new Option("--flip <axes>", "random mirroring; only where left and right may be exchanged").choices([
        "none",
        "horizontal",
        "both",
      ]),
    )
    .option("--validate-every <steps>", "steps between two validations", parseInteger(1))
    .option("--pseudo-labels <folder>", "recipe pseudo-label: label maps <case>.<ending>, e.g. of refine")
    .option("--keep-labeled", "with --pseudo-labels: also train on the labelled cases with their own labels")
    .option("--case-weights <file>", 'with --pseudo-labels: JSON {"case": weight}; others weigh 1')
    .requiredOption("--out <folder>", "run folder: checkpoint, model.onnx, manifest.json, metrics.json, curves.svg")
    .option("--resume", "go on from the checkpoint in the run folder")
    .option("--id <id>", "id of the model in its manifest; default the run folder's name")
    .option("--describe <file>", "JSON with the model's title, licence, source, labels, appliesTo and limits")
    .option("--labels <file>", "JSON array of the labels' colours and coded concepts")
    .option("--applies-to <file>", "JSON array of rules for the series that the model fits");
  addCommonOptions(command).action((options: TrainOptions) => train(options, context));
}

async function train(options: TrainOptions, { terminal, signal }: CommandContext): Promise<void> {
  const [training, { createRawSession }] = await Promise.all([
    import("@samrefine/training"),
    import("@samrefine/inference/node"),
  ]);
  const dataset = await openDataset(options.dataset, { split: options.split });
  const description = await readDescription(options, training.parseModelDescription);
  const configuration = configure(options, dataset, training);
  const pseudoLabels = await selectPseudoLabels(options, dataset);
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
      modelMetadata: {
        title: description.title,
        licence: description.licence,
        source: description.source,
        use: "Research use only",
      },
      ...pseudoLabels,
      signal,
      onProgress: (event) => progress.update(event),
      onStep: ({ step, steps, loss, seconds, validation }) => {
        const dice = validation ? `, Dice ${validation.meanDice.toFixed(3)} at step ${validation.step}` : "";
        progress.update(
          { stage: "training", completed: step, total: steps, unit: "batch" },
          `loss ${loss.toFixed(4)}${dice}, ${seconds.toFixed(2)} s per step`,
        );
      },
    });
  } finally {
    progress.stop();
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
}

function configure(
  options: TrainOptions,
  dataset: OpenedDataset,
  {
    augmentationProfiles,
    defaultConfiguration,
    parseConfiguration,
    requireRecipe,
  }: typeof import("@samrefine/training"),
): TrainingConfiguration {
  const profile = options.augment ?? (dataset.dimension === 2 ? "radiograph" : "volume");
  const scope = dataset.dimension === 2 ? "image" : "volume";
  const base = {
    ...defaultConfiguration,
    intensity: { kind: "percentiles", lower: 1, upper: 99, scope } satisfies IntensityPolicy,
    augmentation: augmentationProfiles[profile],
    ...requireRecipe(options.recipe).defaults,
  };
  return parseConfiguration({
    ...base,
    recipe: options.recipe,
    seed: options.seed,
    steps: options.steps ?? base.steps,
    batchSize: options.batch ?? base.batchSize,
    labeledCount: options.labeled ?? base.labeledCount,
    grid: options.grid ?? base.grid,
    channels: options.channels ?? base.channels,
    network: {
      kind: options.network ?? base.network.kind,
      width: options.modelSize ?? base.network.width,
      levels: options.levels ?? base.network.levels,
    },
    intensity: options.intensity ?? base.intensity,
    loss: {
      ...base.loss,
      kind: options.loss ?? base.loss.kind,
      ...(options.balance !== undefined && { positiveWeight: "balanced", positiveWeightLimit: options.balance }),
    },
    learningRate: options.learningRate ?? base.learningRate,
    averageDecay: options.average ?? base.averageDecay,
    augmentation: options.flip ? { ...base.augmentation, flip: options.flip } : base.augmentation,
    validation: { ...base.validation, every: options.validateEvery ?? base.validation.every },
  });
}

/** What `--pseudo-labels` changes: which cases are trained on, where their labels come from and what they weigh. */
async function selectPseudoLabels(
  { recipe, pseudoLabels, keepLabeled = false, caseWeights }: TrainOptions,
  dataset: OpenedDataset,
): Promise<Pick<TrainingOptions, "trainingCaseIds" | "readTrainingLabels" | "caseWeights">> {
  if ((recipe === "pseudo-label") !== (pseudoLabels !== undefined)) {
    throw new RefineError("configuration", "The recipe pseudo-label and --pseudo-labels belong together.", {
      hint: "Give both, or neither.",
    });
  }
  if (pseudoLabels === undefined) return {};
  const files = new Set(await readdir(pseudoLabels).catch(() => []));
  const labeled = dataset.caseIds("labeled");
  const pseudo = dataset.caseIds("unlabeled").filter((id) => files.has(`${id}${dataset.fileEnding}`));
  if (pseudo.length === 0) {
    throw new RefineError("dataset", `${pseudoLabels} holds no label map of an unlabelled case of ${dataset.name}.`, {
      hint: `Files are named <case>${dataset.fileEnding}.`,
    });
  }
  const own = new Set(keepLabeled ? labeled : []);
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
  const argv = argument.slice(argument.indexOf("train"));
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

function parseGrid(text: string): TrainingConfiguration["grid"] {
  const [, rows, columns] = /^(\d+)x(\d+)$/.exec(text) ?? [];
  if (!rows || !columns) throw new InvalidArgumentError("Rows x columns are needed, e.g. 128x320.");
  return { rows: Number(rows), columns: Number(columns) };
}

function parsePositive(text: string): number {
  const value = Number(text);
  if (!(value > 0) || !Number.isFinite(value)) throw new InvalidArgumentError("A positive number is needed.");
  return value;
}

function parseIntensity(text: string): IntensityPolicy {
  const [kind, rest] = text.split(":", 2) as [string, string | undefined];
  const numbers = rest === undefined ? [] : rest.split(",").map(Number);
  const isComplete = (count: number): boolean => numbers.length === count && numbers.every(Number.isFinite);
  if (kind === "percentiles" || kind === "percentiles-image") {
    const scope = kind === "percentiles" ? "volume" : "image";
    if (rest === undefined) return { kind: "percentiles", lower: 1, upper: 99, scope };
    if (isComplete(2)) return { kind: "percentiles", lower: numbers[0]!, upper: numbers[1]!, scope };
  }
  if (kind === "window" && isComplete(2)) return { kind, center: numbers[0]!, width: numbers[1]! };
  if (kind === "fixed" && isComplete(3)) {
    return { kind, scale: numbers[0]!, mean: numbers[1]!, standardDeviation: numbers[2]! };
  }
  throw new InvalidArgumentError("For example percentiles:1,99, window:40,400 or fixed:255,0.34,0.22.");
}
