import { copyFile, mkdir, readFile, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { RefineError } from "@samrefine/core";
import { createMsdDatasetJson, createNnunetDatasetJson, createNnunetSplits, nnunetPaths } from "@samrefine/formats";
import * as v from "valibot";
import { type CaseFailure, runCases } from "../cases/run-cases.ts";
import { type CommandContext, writeJson } from "../command-context.ts";
import { datasetError, reasonOf } from "../dataset/dataset-error.ts";
import { type OpenedDataset, readLabelsFrom } from "../dataset/open-dataset.ts";
import { writeLabelMap } from "../dataset/write-case.ts";

/** nnU-Net v2 raw, or Medical Segmentation Decathlon. */
export type DatasetLayout = "nnunet" | "msd";

export interface DatasetExport {
  /** Where the images come from. */
  readonly dataset: OpenedDataset;
  /**
   * Folder of label maps named `<case>.<ending>`, as `predict` and `refine` write them, with or without report.json. Pixels
   * that a plan did not accept lie in its folder `ignore`; they become the ignore label.
   */
  readonly labelFolder: string;
  readonly target: string;
  readonly name: string;
  readonly layout: DatasetLayout;
  /** Masks whose estimated Dice is below this become the ignore label. Needs report.json. */
  readonly ignoreBelow?: number | undefined;
}

export interface DatasetExportResult {
  readonly cases: readonly string[];
  readonly ignoredPixels: number;
  readonly failures: readonly CaseFailure[];
}

const reportSchema = v.object({
  plan: v.object({ id: v.string() }),
  model: v.object({ id: v.string(), digest: v.string() }),
  sam: v.nullable(v.object({ id: v.string(), digest: v.string() })),
  cases: v.array(
    v.object({
      id: v.string(),
      slices: v.array(
        v.object({
          k: v.number(),
          segments: v.array(v.object({ number: v.number(), quality: v.optional(v.object({ value: v.number() })) })),
        }),
      ),
    }),
  ),
});
type Report = v.InferOutput<typeof reportSchema>;

/**
 * Joins images and pseudo labels to a data set that nnU-Net, or what reads Decathlon tasks, trains on. The original labels of the labelled cases go in as
 * they are; of the pseudo labels, doubtful masks become `ignore`, so that their pixels take no part in the loss.
 * @throws RefineError `configuration` when nothing is there to join, or when a report is needed and missing.
 */
export async function writeTrainingDataset(task: DatasetExport, context: CommandContext): Promise<DatasetExportResult> {
  const { dataset, labelFolder, target, ignoreBelow } = task;
  const ending = dataset.fileEnding;
  if (ending === ".nii")
    throw new RefineError("configuration", "nnU-Net data sets are written as .png or .nii.gz, not .nii.");
  const ignoreFolder = join(labelFolder, "ignore");
  const hasIgnoreLabel = ignoreBelow !== undefined || dataset.ignoreLabel !== undefined || (await exists(ignoreFolder));
  requireLayout(task.layout, ending, hasIgnoreLabel);
  const report = await readReport(labelFolder, ignoreBelow !== undefined);
  const labeled = dataset.caseIds("labeled");
  const held = new Set([...labeled, ...dataset.caseIds("val"), ...dataset.caseIds("test")]);
  const candidates = dataset.allCaseIds.filter((id) => !held.has(id));
  const pseudo: string[] = [];
  for (const id of candidates) if (await exists(join(labelFolder, `${id}${ending}`))) pseudo.push(id);
  if (pseudo.length === 0) {
    throw new RefineError(
      "configuration",
      `${labelFolder} holds no <case>${ending} of a case outside labeled, val and test.`,
      {
        hint: "Run `samrefine refine --cases unlabeled` first, and give its --out folder to --from.",
      },
    );
  }

  let ignoredPixels = 0;
  const ignoreValue = dataset.ignoreLabel ?? dataset.labels.length + 1;
  const { results, failures } = await runCases("Writing the data set", [...labeled, ...pseudo], context, async (id) => {
    const { imagePath, labelPath } = dataset.caseFiles(id);
    if (imagePath === undefined) throw datasetError(`Case ${id} has no image.`, { caseId: id });
    const paths = pathsOf(task.layout, id, ending);
    await copy(imagePath, join(target, paths.image));
    if (labeled.includes(id)) {
      if (labelPath === undefined) throw datasetError(`Case ${id} is labeled but has no label map.`, { caseId: id });
      await copy(labelPath, join(target, paths.label));
      return id;
    }
    const image = await dataset.readCase(id);
    const { slices } = await readLabelsFrom(dataset, id, join(labelFolder, `${id}${ending}`));
    const doubtful = doubtfulMasks(report, id, ignoreBelow);
    const ignorePath = join(ignoreFolder, `${id}${ending}`);
    const ignored = (await exists(ignorePath)) ? (await readLabelsFrom(dataset, id, ignorePath)).slices : undefined;
    const written = slices.map((slice, k) =>
      slice.map((value, pixel) => {
        const isIgnored = value === ignoreValue || ignored?.[k]?.[pixel] === 1 || doubtful.has(`${k}/${value}`);
        if (!isIgnored) return value;
        ignoredPixels++;
        return ignoreValue;
      }),
    );
    await writeLabelMap(dataset, image, written, dirname(join(target, paths.label)));
    return id;
  });
  await writeJson(join(target, "dataset.json"), describeDataset(task, report, results, hasIgnoreLabel));
  if (task.layout === "msd") return { cases: results, ignoredPixels, failures };
  await writeJson(join(target, "split.json"), { labeled: results, unlabeled: [], val: [], test: [] });
  const trusted = results.filter((id) => labeled.includes(id));
  // With one trusted case or none there is nothing to validate on; nnU-Net's fold `all` needs no splits.
  if (trusted.length > 1) {
    const splits = createNnunetSplits({ trusted, pseudo: results.filter((id) => !labeled.includes(id)) });
    await writeJson(join(target, "splits_final.json"), splits);
  }
  return { cases: results, ignoredPixels, failures };
}

function requireLayout(layout: DatasetLayout, ending: string, hasIgnoreLabel: boolean): void {
  if (layout !== "msd" || (ending === ".nii.gz" && !hasIgnoreLabel)) return;
  throw new RefineError(
    "configuration",
    hasIgnoreLabel
      ? "Decathlon tasks have no ignore label, which --ignore-below, the data set or the folder ignore/ asks for."
      : "Decathlon tasks hold .nii.gz volumes.",
    { hint: "Use --layout nnunet." },
  );
}

function pathsOf(
  layout: DatasetLayout,
  id: string,
  ending: string,
): { readonly image: string; readonly label: string } {
  return layout === "msd"
    ? { image: `imagesTr/${id}${ending}`, label: `labelsTr/${id}${ending}` }
    : nnunetPaths(id, ending);
}

function describeDataset(
  task: DatasetExport,
  report: Report | undefined,
  cases: readonly string[],
  hasIgnoreLabel: boolean,
): object {
  const { dataset, ignoreBelow } = task;
  const labels = dataset.labels.map(({ name }) => name);
  if (task.layout === "msd") {
    return createMsdDatasetJson({
      name: task.name,
      description: `Labels and pseudo labels of ${dataset.name}`,
      reference: report === undefined ? "" : `plan ${report.plan.id}, model ${report.model.id}`,
      licence: "see the source data set",
      modalities: [dataset.channelName],
      labels,
      trainingCases: cases,
      testCases: [],
    });
  }
  const labeled = dataset.caseIds("labeled");
  return createNnunetDatasetJson({
    name: task.name,
    channelName: dataset.channelName,
    labels,
    withIgnoreLabel: hasIgnoreLabel,
    trainingCases: cases.length,
    fileEnding: dataset.fileEnding === ".png" ? ".png" : ".nii.gz",
    provenance: {
      sourceDataset: dataset.name,
      labeledCases: cases.filter((id) => labeled.includes(id)).length,
      pseudoLabelledCases: cases.filter((id) => !labeled.includes(id)).length,
      ...(ignoreBelow === undefined ? {} : { ignoreBelowEstimatedDice: ignoreBelow }),
      ...(report === undefined
        ? {}
        : {
            planId: report.plan.id,
            modelId: report.model.id,
            modelSha256: report.model.digest,
            ...(report.sam === null ? {} : { samId: report.sam.id, samSha256: report.sam.digest }),
          }),
    },
  });
}

/** "slice/label value" of the masks whose estimated Dice is too low. */
function doubtfulMasks(report: Report | undefined, id: string, ignoreBelow: number | undefined): ReadonlySet<string> {
  const doubtful = new Set<string>();
  if (report === undefined || ignoreBelow === undefined) return doubtful;
  for (const { k, segments } of report.cases.find((entry) => entry.id === id)?.slices ?? []) {
    for (const { number, quality } of segments) {
      if (quality !== undefined && quality.value < ignoreBelow) doubtful.add(`${k}/${number}`);
    }
  }
  return doubtful;
}

async function readReport(folder: string, isNeeded: boolean): Promise<Report | undefined> {
  const path = join(folder, "report.json");
  if (!(await exists(path))) {
    if (!isNeeded) return undefined;
    throw new RefineError("configuration", `${path} is missing, so that no mask has an estimated quality.`, {
      hint: "Leave --ignore-below out, or give a folder that `samrefine refine` wrote.",
    });
  }
  try {
    return v.parse(reportSchema, JSON.parse(await readFile(path, "utf8")));
  } catch (cause) {
    throw new RefineError("configuration", `${path} is not a report of \`samrefine refine\`: ${reasonOf(cause)}`, {
      cause,
    });
  }
}

async function copy(from: string, to: string): Promise<void> {
  await mkdir(dirname(to), { recursive: true });
  await copyFile(from, to);
}

async function exists(path: string): Promise<boolean> {
  return await stat(path).then(
    () => true,
    () => false,
  );
}
