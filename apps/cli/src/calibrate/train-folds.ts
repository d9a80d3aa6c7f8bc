import { access, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { RefineError } from "@samrefine/core";
import type { TrainingConfiguration } from "@samrefine/training";
import { type CommandContext, type CommonOptions, writeJson } from "../command-context.ts";
import type { OpenedDataset } from "../dataset/open-dataset.ts";
import type { SamOptions } from "../models/open-models.ts";
import { trainToFolder } from "../training/train-to-folder.ts";
import { foldCases } from "./fold-cases.ts";

export interface FoldTask {
  /** manifest.json of the model whose training is repeated. */
  readonly model: string;
  /** metrics.json of its run; default beside the manifest. */
  readonly metrics?: string | undefined;
  readonly dataset: OpenedDataset;
  readonly folds: number;
  /** Run folders are made in here: what is finished is taken as it is, what was interrupted goes on. */
  readonly runs: string;
  /** Where models run, and SAM for recipes that ask it. */
  readonly running: SamOptions & Omit<CommonOptions, "json">;
}

/**
 * Trains the model again K times as its run's metrics.json records it, each time without a K-th of the labelled cases.
 * Validation cases are those of the model: they choose the step, as they did for it.
 *
 * @returns the manifests of the K networks.
 * @throws RefineError `configuration` without such a record, for a recipe that needs files of its own, or when the folder
 * holds runs with other cases; what training throws.
 */
export async function trainFolds(task: FoldTask, context: CommandContext): Promise<readonly string[]> {
  const { model, dataset, folds, runs, metrics, running } = task;
  const configuration = await recordedConfiguration(metrics ?? join(dirname(model), "metrics.json"));
  if (configuration.recipe === "pseudo-label") {
    throw new RefineError(
      "configuration",
      "A model that was trained on pseudo labels cannot be trained again in folds.",
      {
        hint: "The pseudo labels would have to be made anew for every fold. Train the networks yourself and give them with --fold.",
      },
    );
  }
  const labeled = dataset.caseIds("labeled").slice(0, configuration.labeledCount ?? undefined);
  const manifests: string[] = [];
  for (const [index, leftOut] of foldCases(labeled, folds).entries()) {
    const name = `fold-${index + 1}-of-${folds}`;
    const out = join(runs, name);
    const split = {
      labeled: labeled.filter((id) => !leftOut.includes(id)),
      unlabeled: dataset.caseIds("unlabeled"),
      val: dataset.caseIds("val"),
      test: dataset.caseIds("test"),
    };
    await writeSplitOnce(join(out, "split.json"), split);
    const { recipe } = configuration;
    const run = { ...running, recipe, configuration: { ...configuration, labeledCount: null }, resume: true };
    const place = { dataset: dataset.directory, split: join(out, "split.json"), out, id: name };
    await trainToFolder({ ...run, ...place }, context, `training ${name}`);
    manifests.push(join(out, "manifest.json"));
  }
  return manifests;
}

async function recordedConfiguration(path: string): Promise<TrainingConfiguration> {
  const { parseConfiguration } = await import("@samrefine/training");
  let record: { readonly configuration?: unknown };
  try {
    record = JSON.parse(await readFile(path, "utf8"));
  } catch (cause) {
    throw new RefineError(
      "configuration",
      `How the model was trained cannot be read from ${path}: ${(cause as Error).message}`,
      {
        hint: "Give the metrics.json of the model's run with --metrics, or networks that you trained yourself with --fold.",
        cause,
      },
    );
  }
  return parseConfiguration(record.configuration);
}

/** A run that goes on must be of the same cases. */
async function writeSplitOnce(path: string, split: object): Promise<void> {
  const exists = await access(path).then(
    () => true,
    () => false,
  );
  if (!exists) return await writeJson(path, split);
  const found: unknown = JSON.parse(await readFile(path, "utf8"));
  if (JSON.stringify(found) === JSON.stringify(split)) return;
  throw new RefineError("configuration", `${path} is of a run with other cases.`, {
    hint: "Choose another --fold-runs folder, or remove this one.",
  });
}
