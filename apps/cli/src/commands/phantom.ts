import { join } from "node:path";
import { RefineError, type SegmentDescription, type SplitName } from "@samrefine/core";
import { createNnunetDatasetJson, nnunetPaths, writeNifti } from "@samrefine/formats";
import {
  ABDOMEN_SEGMENTS,
  abdominalCtPhantom,
  abdominalCtStudyFiles,
  exclusiveHandLabels,
  HAND_SEGMENTS,
  handRadiographPhantom,
  handStudyFiles,
} from "@samrefine/phantoms";
import { type Command, Option } from "commander";
import {
  addCommonOptions,
  type CommandContext,
  type CommonOptions,
  parseInteger,
  writeJson,
  writeOutput,
} from "../command-context.ts";
import { encodeGreyPng } from "../dataset/write-case.ts";

type PhantomKind = "hand" | "abdomen";
type PhantomFormat = "nnunet" | "dicom";

interface PhantomOptions extends CommonOptions {
  readonly kind: PhantomKind;
  readonly cases: number;
  readonly labeled: number;
  readonly val: number;
  readonly test: number;
  readonly images: number;
  readonly matrix: number;
  readonly slices: number;
  readonly format: PhantomFormat;
  readonly out: string;
}

export function registerPhantom(program: Command, context: CommandContext): void {
  const command = program
    .command("phantom")
    .description(
      "Draw artificial studies with exact masks: hand radiographs or abdominal CT volumes, as an nnU-Net data set or as\n" +
        "DICOM. The same seed gives the same files. No patient is in them.",
    )
    .addOption(new Option("--kind <name>", "what to draw").choices(["hand", "abdomen"]).makeOptionMandatory())
    .option("--cases <number>", "persons to draw", parseInteger(1), 24)
    .option("--labeled <number>", "nnunet: cases of the split `labeled`", parseInteger(0), 8)
    .option("--val <number>", "nnunet: cases of the split `val`", parseInteger(0), 6)
    .option("--test <number>", "nnunet: cases of the split `test`; the rest is `unlabeled`", parseInteger(0), 0)
    .option("--images <number>", "dicom, hand: radiographs per study", parseInteger(1), 6)
    .option("--matrix <number>", "abdomen: rows and columns of a slice", parseInteger(32), 512)
    .option("--slices <number>", "abdomen: slices over the 220 mm of the scan", parseInteger(3), 44)
    .addOption(new Option("--format <name>", "what to write").choices(["nnunet", "dicom"]).default("nnunet"))
    .requiredOption("--out <folder>", "where it goes");
  addCommonOptions(command).action((options: PhantomOptions) => drawPhantoms(options, context));
}

/** Far enough apart that data sets of neighbouring seeds share no case. */
const SEED_STRIDE = 100_000;

async function drawPhantoms(options: PhantomOptions, context: CommandContext): Promise<void> {
  if (options.labeled + options.val + options.test > options.cases && options.format === "nnunet") {
    throw new RefineError(
      "configuration",
      `The splits hold ${options.labeled + options.val + options.test} cases, only ${options.cases} are drawn.`,
      { hint: "Raise --cases, or lower --labeled, --val or --test." },
    );
  }
  const ids = Array.from({ length: options.cases }, (_, i) => `${options.kind}_${String(i + 1).padStart(3, "0")}`);
  const progress = context.terminal.startProgress();
  const files: string[] = [];
  try {
    for (const [index, id] of ids.entries()) {
      context.signal.throwIfAborted();
      progress.update({ stage: "Drawing phantoms", completed: index, total: ids.length, unit: "case" });
      const seed = options.seed * SEED_STRIDE + index;
      const written = options.format === "dicom" ? drawStudy(options, seed, id) : await drawCase(options, seed, id);
      for (const [path, content] of written) {
        await writeOutput(join(options.out, path), content);
        files.push(path);
      }
    }
    progress.update({ stage: "Drawing phantoms", completed: ids.length, total: ids.length, unit: "case" });
  } finally {
    progress.stop();
  }
  if (options.format === "nnunet") await writeDescription(options, ids);
  const { kind, format, seed } = options;
  if (options.json !== undefined)
    await writeJson(options.json, { command: "phantom", kind, format, seed, cases: ids, files });
  context.terminal.print(`${ids.length} ${kind} phantoms in ${options.out}. Artificial data, research use only.`);
}

type NamedFile = readonly [path: string, content: Uint8Array];

function drawStudy(options: PhantomOptions, seed: number, id: string): NamedFile[] {
  const files =
    options.kind === "hand"
      ? handStudyFiles({ seed, images: options.images })
      : abdominalCtStudyFiles({ seed, matrix: options.matrix, slices: options.slices });
  return files.map((content, i) => [join(id, `${String(i + 1).padStart(4, "0")}.dcm`), content]);
}

async function drawCase(options: PhantomOptions, seed: number, id: string): Promise<NamedFile[]> {
  const paths = nnunetPaths(id, fileEnding(options.kind));
  if (options.kind === "hand") {
    const { image, segments } = handRadiographPhantom({ seed });
    const labels = exclusiveHandLabels(segments);
    return [
      [paths.image, await encodeGreyPng(image.data, image.geometry)],
      [paths.label, await encodeGreyPng(labels, image.geometry)],
    ];
  }
  const { volume, labelmap } = abdominalCtPhantom({ seed, matrix: options.matrix, slices: options.slices });
  return [
    [paths.image, writeNifti(volume)],
    [paths.label, writeNifti(labelmap)],
  ];
}

function fileEnding(kind: PhantomKind): ".png" | ".nii.gz" {
  return kind === "hand" ? ".png" : ".nii.gz";
}

async function writeDescription(options: PhantomOptions, ids: readonly string[]): Promise<void> {
  const segments: readonly SegmentDescription[] = options.kind === "hand" ? HAND_SEGMENTS : ABDOMEN_SEGMENTS;
  const json = createNnunetDatasetJson({
    name: options.kind === "hand" ? "hand radiograph phantoms" : "abdominal CT phantoms",
    channelName: options.kind === "hand" ? "radiograph" : "CT",
    labels: segments.map(({ label }) => label),
    withIgnoreLabel: false,
    trainingCases: ids.length,
    fileEnding: fileEnding(options.kind),
    provenance: { source: "samrefine phantom", kind: options.kind, seed: options.seed },
  });
  const valEnd = options.labeled + options.val;
  const testEnd = valEnd + options.test;
  const split: Readonly<Record<SplitName, readonly string[]>> = {
    labeled: ids.slice(0, options.labeled),
    val: ids.slice(options.labeled, valEnd),
    test: ids.slice(valEnd, testEnd),
    unlabeled: ids.slice(testEnd),
  };
  await writeJson(join(options.out, "dataset.json"), json);
  await writeJson(join(options.out, "split.json"), split);
}
