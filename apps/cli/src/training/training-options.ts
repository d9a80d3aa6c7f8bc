import type { IntensityPolicy, RefinementPlan } from "@samrefine/core";
import { RefineError } from "@samrefine/core";
import type { AugmentationProfile, TrainingConfiguration } from "@samrefine/training";
import { type Command, InvalidArgumentError, Option } from "commander";
import { type CommonOptions, parseInteger } from "../command-context.ts";
import type { OpenedDataset } from "../dataset/open-dataset.ts";
import { collectSetting, type Setting, withSettings } from "./settings.ts";

/** The data set, and how a network is trained on it. */
export interface TrainingChoices extends MethodChoices {
  readonly dataset: string;
  readonly split?: string;
  readonly grid?: TrainingConfiguration["grid"];
}

/** What decides the network and how it is trained, common to all commands that train. */
export interface MethodChoices extends CommonOptions {
  readonly profile?: "cpu" | "paper";
  readonly set?: readonly Setting[];
  readonly labeled?: number;
  readonly steps?: number;
  readonly batch?: number;
  readonly unlabeledBatch?: number;
  readonly network?: TrainingConfiguration["network"]["kind"];
  readonly modelSize?: number;
  readonly levels?: number;
  readonly channels?: number;
  readonly intensity?: IntensityPolicy;
  readonly loss?: TrainingConfiguration["loss"]["kind"];
  readonly balance?: number;
  readonly learningRate?: number;
  readonly average?: number;
  readonly augment?: AugmentationProfile;
  readonly flip?: "none" | "horizontal" | "both";
  readonly validateEvery?: number;
  readonly memoryLimit?: number;
}

/** The data set, its split and grid, and {@link addMethodOptions}. */
export function addTrainingOptions(command: Command): Command {
  return addMethodOptions(
    command
      .requiredOption("--dataset <folder>", "nnU-Net v2 raw data set")
      .option("--split <file>", "another split than the data set's split.json")
      .option("--grid <RxC>", "rows and columns of the network's input, e.g. 128x320", parseGrid),
  );
}

/** What may be the same for several data sets. */
export function addMethodOptions(command: Command): Command {
  return command
    .addOption(
      new Option(
        "--profile <name>",
        "how each recipe trains by default: sized for a CPU, or as its publication",
      ).choices(["cpu", "paper"]),
    )
    .option(
      "--set <key=value>",
      "any other field of the configuration in metrics.json, e.g. consistency.weight=0.5 or clipNorm=null or " +
        'schedule={"kind":"poly","power":0.9}; repeat for several',
      collectSetting,
    )
    .option("--labeled <number>", "use only the first so many labelled cases", parseInteger(1))
    .option("--steps <number>", "optimiser steps", parseInteger(1))
    .option("--batch <number>", "labelled images per step", parseInteger(1))
    .option("--unlabeled-batch <number>", "unlabelled images per step, for recipes that use them", parseInteger(1))
    .addOption(
      new Option("--network <kind>", "U-Net with instance norm, or with batch norm and dropout").choices([
        "scb-unet",
        "ssl4mis-unet",
      ]),
    )
    .option("--model-size <width>", "channels of the first stage (16 = 1.9 million parameters)", parseInteger(1))
    .option("--levels <number>", "stages of the U-Net", parseInteger(1))
    .option("--channels <number>", "neighbouring slices as channels: 1 or 3", parseInteger(1))
    .option(
      "--intensity <policy>",
      "percentiles[:lower,upper], percentiles-image[:lower,upper], window:center,width or fixed:scale,mean,deviation",
      parseIntensity,
    )
    .addOption(
      new Option("--loss <kind>", "loss on labelled images; ce-dice: labels that exclude each other").choices([
        "bce",
        "bce-dice",
        "ce-dice",
      ]),
    )
    .option(
      "--balance <limit>",
      "weigh foreground by negative / positive pixels of each label, at most this; for small structures",
      parsePositive,
    )
    .option("--learning-rate <number>", "initial learning rate", parsePositive)
    .option(
      "--memory-limit <GiB>",
      "refuse a run whose step is estimated to take more; default: the memory of the machine or container",
      parsePositive,
    )
    .option("--average <decay>", "keep and export a moving average of the weights, e.g. 0.99", parsePositive)
    .addOption(
      new Option("--augment <profile>", "augmentation; default by the data set's dimension").choices([
        "none",
        "scb",
        "radiograph",
        "radiograph-varied",
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
    );
}

/** @throws RefineError `configuration`. */
export function configureTraining(
  options: TrainingChoices & { readonly recipe: string },
  dataset: OpenedDataset,
  plan: RefinementPlan | undefined,
  {
    augmentationProfiles,
    defaultConfiguration,
    parseConfiguration,
    requireRecipe,
  }: typeof import("@samrefine/training"),
): TrainingConfiguration {
  const recipe = requireRecipe(options.recipe);
  const scope = dataset.dimension === 2 ? "image" : "volume";
  const base = {
    ...defaultConfiguration,
    intensity: { kind: "percentiles", lower: 1, upper: 99, scope } satisfies IntensityPolicy,
    augmentation: augmentationProfiles[dataset.dimension === 2 ? "radiograph" : "volume"],
    ...(options.profile === "paper" ? recipe.paper : recipe.defaults),
    ...(options.augment && { augmentation: augmentationProfiles[options.augment] }),
  };
  if (plan && !base.guidance) {
    throw new RefineError(
      "configuration",
      `The recipe ${options.recipe} does not ask SAM, so it has no use for a plan.`,
    );
  }
  const configuration = {
    ...base,
    ...(plan && { guidance: { ...base.guidance, plan } }),
    recipe: options.recipe,
    seed: options.seed,
    steps: options.steps ?? base.steps,
    batchSize: options.batch ?? base.batchSize,
    unlabeledBatchSize: options.unlabeledBatch ?? base.unlabeledBatchSize,
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
  };
  return parseConfiguration(withSettings(configuration, options.set ?? []));
}

export function parseGrid(text: string): TrainingConfiguration["grid"] {
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
