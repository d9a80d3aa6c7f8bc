import { stat } from "node:fs/promises";
import { basename, extname, join } from "node:path";
import { RefineError } from "@samrefine/core";
import type { AlgorithmType } from "@samrefine/dicom";
import type { OnOverlap } from "@samrefine/formats";
import { type Command, InvalidArgumentError, Option } from "commander";
import { reportFailures } from "../cases/run-cases.ts";
import { addCommonOptions, type CommandContext, type CommonOptions, parseList, writeJson } from "../command-context.ts";
import { openDataset } from "../dataset/open-dataset.ts";
import { writeDatasetSegs } from "../export/dataset-segs.ts";
import { openDicomSegmentation, volumeOfSegmentation, writeDicomSegmentation } from "../export/dicom-segmentation.ts";
import { writeLabelPngs } from "../export/label-pngs.ts";
import { segPathsOf, writeSegDataset } from "../export/seg-dataset.ts";
import { formatOf, readSegmentation, writeSegmentation } from "../export/segmentation-file.ts";
import { type DatasetLayout, writeTrainingDataset } from "../export/write-training-dataset.ts";

interface ExportOptions extends CommonOptions {
  readonly from: string;
  readonly to: string;
  readonly labels?: readonly string[];
  readonly source?: string;
  readonly onto?: string;
  readonly dataset?: string;
  readonly name?: string;
  readonly layout: DatasetLayout;
  readonly onOverlap: OnOverlap;
  readonly ignoreBelow?: number;
  readonly algorithmType: AlgorithmType;
}

export function registerExport(program: Command, context: CommandContext): void {
  const command = program
    .command("export")
    .description(
      "Convert a segmentation (.nii, .nii.gz, .nrrd, .seg.nrrd, .dcm; .dcm also to .png, one per image), make a data set for nnU-Net of DICOM SEGs and their images, or join pseudo labels and images to a data set for nnU-Net or in the layout of the Decathlon.",
    )
    .requiredOption(
      "--from <path>",
      "a segmentation file, a folder of DICOM SEGs, a data set for nnU-Net, or a folder that `predict` or `refine` wrote",
    )
    .requiredOption("--to <path>", "target file (its ending says the format), or folder of the new data set")
    .option("--labels <names>", "names of the labels 1, 2, ... of a NIfTI or NRRD label map", parseList)
    .option("--source <folder>", "with a DICOM SEG (.dcm) on either side: the study that it is drawn on")
    .option("--onto <uid>", "with a DICOM SEG to read: the series to lay it on, resampled if its voxels are others")
    .option("--dataset <folder>", "with a folder: the data set that the images come from")
    .option("--name <name>", "with a folder: name of the new data set")
    .addOption(
      new Option(
        "--on-overlap <rule>",
        "to a label map (NIfTI, NRRD, PNG): refuse overlapping segments, or which lies on top",
      )
        .choices(["error", "lowest-number", "highest-number"])
        .default("error"),
    )
    .addOption(
      new Option("--layout <layout>", "with a folder: layout of the new data set")
        .choices(["nnunet", "msd"])
        .default("nnunet"),
    )
    .addOption(
      new Option(
        "--algorithm-type <type>",
        "to a DICOM SEG: manual, semiautomatic or automatic, which other files do not say",
      )
        .default("SEMIAUTOMATIC", "semiautomatic")
        .argParser(parseAlgorithmType),
    )
    .option(
      "--ignore-below <dice>",
      "with a folder: masks of lower estimated Dice become nnU-Net's ignore label",
      fraction,
    );
  addCommonOptions(command).action((options: ExportOptions) => exportSegmentation(options, context));
}

async function exportSegmentation(options: ExportOptions, context: CommandContext): Promise<void> {
  const { terminal } = context;
  if (await isSegDataset(options)) {
    await exportSegDataset(options, context);
    return;
  }
  if (options.dataset === undefined && (await isFile(join(options.from, "dataset.json")))) {
    await exportDatasetSegs(options, context);
    return;
  }
  if (await isFolder(options.from)) {
    if (options.dataset === undefined) {
      throw new RefineError("configuration", `${options.from} is a folder; --dataset is needed to find its images.`, {
        hint: "Give the data set that was predicted or refined.",
      });
    }
    const dataset = await openDataset(options.dataset);
    const name = options.name ?? basename(options.to);
    const result = await writeTrainingDataset(
      {
        dataset,
        labelFolder: options.from,
        target: options.to,
        name,
        layout: options.layout,
        ignoreBelow: options.ignoreBelow,
      },
      context,
    );
    terminal.print(
      `${result.cases.length} cases in ${options.to}, ${result.ignoredPixels} pixels marked as ignore. Research use only.`,
    );
    if (options.json !== undefined) await writeJson(options.json, { command: "export", ...result });
    reportFailures(result.failures, result.cases.length + result.failures.length, context);
    return;
  }
  for (const path of [options.from, options.to]) {
    if (formatOf(path) !== undefined) continue;
    throw new RefineError("configuration", `The format of ${path} is not known by its name.`, {
      hint: "Files end in .nii, .nii.gz, .nrrd, .seg.nrrd, .dcm or .png.",
    });
  }
  if (formatOf(options.from) === "png" || (formatOf(options.to) === "png" && formatOf(options.from) !== "dicom")) {
    throw new RefineError("configuration", "PNG label maps are written from a DICOM SEG, and not read.", {
      hint: "Label maps of a data set are read with --dataset.",
    });
  }
  const openSeg = () => openDicomSegmentation(options.from, requireSource(options), context, options.onto);
  if (formatOf(options.to) === "png") {
    const written = await writeLabelPngs(options.to, await openSeg(), options.onOverlap);
    terminal.print(`${written.length} label maps: ${written.map((path) => basename(path)).join(", ")}.`);
    if (options.json !== undefined) await writeJson(options.json, { command: "export", files: written });
    return;
  }
  const segmentation =
    formatOf(options.from) === "dicom"
      ? volumeOfSegmentation(await openSeg())
      : await readSegmentation(options.from, options.labels ?? []);
  if (formatOf(options.to) === "dicom") {
    await writeDicomSegmentation(options.to, segmentation, requireSource(options), {
      algorithmType: options.algorithmType,
      signal: context.signal,
    });
  } else await writeSegmentation(options.to, segmentation, options.onOverlap);
  const names = segmentation.segments.map(({ description }) => description.label);
  terminal.print(
    `${options.to}: ${segmentation.geometry.size.join(" x ")}, ${names.length} segments (${names.join(", ")}).`,
  );
  if (options.json !== undefined) {
    const segments = segmentation.segments.map(({ description, data }) => ({
      ...description,
      voxels: data.reduce((sum, value) => sum + value, 0),
    }));
    await writeJson(options.json, { command: "export", to: options.to, geometry: segmentation.geometry, segments });
  }
}

/** A SEG to a path without an ending, or a folder of SEGs: what becomes a data set of its own. */
async function isSegDataset({ from, to, dataset }: ExportOptions): Promise<boolean> {
  if (dataset !== undefined) return false;
  if (await isFolder(from)) return (await segPathsOf(from)).length > 0;
  return formatOf(from) === "dicom" && extname(to) === "";
}

async function exportSegDataset(options: ExportOptions, context: CommandContext): Promise<void> {
  if (options.layout !== "nnunet" || options.ignoreBelow !== undefined || options.onto !== undefined) {
    throw new RefineError("configuration", "DICOM SEG becomes a data set for nnU-Net, on the series it was drawn on.", {
      hint: "Leave out --layout msd, --ignore-below (a SEG states no quality that could be compared) and --onto.",
    });
  }
  const result = await writeSegDataset(
    {
      segPaths: await segPathsOf(options.from),
      source: requireSource(options),
      target: options.to,
      name: options.name ?? basename(options.to),
      onOverlap: options.onOverlap,
    },
    context,
  );
  context.terminal.print(
    `${result.cases.length} cases in ${options.to}, labels ${result.labels.join(", ")}. Research use only.`,
  );
  if (options.json !== undefined) await writeJson(options.json, { command: "export", ...result });
}

async function exportDatasetSegs(options: ExportOptions, context: CommandContext): Promise<void> {
  const { results, failures } = await writeDatasetSegs(
    {
      dataset: options.from,
      source: requireSource(options),
      target: options.to,
      algorithmType: options.algorithmType,
    },
    context,
  );
  context.terminal.print(`${results.length} DICOM SEGs in ${options.to}. Research use only.`);
  if (options.json !== undefined) await writeJson(options.json, { command: "export", cases: results, failures });
  reportFailures(failures, results.length + failures.length, context);
}

function parseAlgorithmType(text: string): AlgorithmType {
  const type = text.toUpperCase();
  if (type === "MANUAL" || type === "SEMIAUTOMATIC" || type === "AUTOMATIC") return type;
  throw new InvalidArgumentError("manual, semiautomatic or automatic is needed.");
}

function fraction(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !(value >= 0 && value <= 1))
    throw new InvalidArgumentError("A number from 0 to 1 is needed.");
  return value;
}

function requireSource({ source }: ExportOptions): string {
  if (source !== undefined) return source;
  throw new RefineError("configuration", "A DICOM SEG lies on the images of a study; --source is needed.", {
    hint: "Give the folder with the DICOM files of the series.",
  });
}

async function isFile(path: string): Promise<boolean> {
  return await stat(path).then(
    (found) => found.isFile(),
    () => false,
  );
}

async function isFolder(path: string): Promise<boolean> {
  return await stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}
