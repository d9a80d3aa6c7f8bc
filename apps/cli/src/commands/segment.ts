import { RefineError, type SegmentNumber } from "@samrefine/core";
import { lateralityOf, type SegKind } from "@samrefine/dicom";
import type { OnOverlap } from "@samrefine/formats";
import { matchSeries, type SegmentationManifest } from "@samrefine/models";
import { type Command, InvalidArgumentError, Option } from "commander";
import {
  addCommonOptions,
  type CommandContext,
  type CommonOptions,
  writeJson,
  writeOutput,
} from "../command-context.ts";
import { readStudy, type Study, type StudySeries } from "../dicom/read-study.ts";
import type { SegmentedSeries } from "../dicom/segment-series.ts";
import { choosePlan, explainPlan } from "../models/load-plan.ts";
import type { SamOptions } from "../models/open-models.ts";

interface SegmentOptions extends CommonOptions, SamOptions {
  readonly study: string;
  readonly model: string;
  readonly series?: string;
  readonly preset?: string;
  readonly plan?: string;
  readonly kind: SegKind;
  readonly onOverlap: OnOverlap;
  readonly out: string;
}

export function registerSegment(program: Command, context: CommandContext): void {
  const command = program
    .command("segment")
    .description("Segment a DICOM series with a U-Net, refine it by SAM and write a DICOM SEG.")
    .requiredOption("--study <folder>", "folder with DICOM files, sub-folders included")
    .requiredOption("--model <manifest>", "manifest.json of the U-Net")
    .option("--series <uid>", "Series Instance UID; needed when several series fit the model")
    .option("--sam <manifest>", "manifest.json of a promptable model (default: the embedded SAM)")
    .option("--cache <folder>", "where the prepared default SAM is kept (default: ~/.cache/samrefine)")
    .option("--preset <name>", "a plan by name (default: the one in the model's manifest, otherwise ours)")
    .option("--plan <file>", "a plan of your own, JSON")
    .addOption(
      new Option("--kind <kind>", "binary, labelmap (one class per pixel), or fractional (probabilities)")
        .default("BINARY", "binary")
        .argParser(parseKind),
    )
    .addOption(
      new Option("--on-overlap <rule>", "with --kind labelmap: refuse overlapping segments, or which lies on top")
        .choices(["error", "lowest-number", "highest-number"])
        .default("error"),
    )
    .requiredOption("--out <file>", "the DICOM SEG");
  addCommonOptions(command).action((options: SegmentOptions) => segment(options, context));
}

async function segment(options: SegmentOptions, { terminal, signal }: CommandContext): Promise<void> {
  const [{ openEngine, openSam, openUnet }, { segmentSeries }, { encodeSeg, verifySeg }] = await Promise.all([
    import("../models/open-models.ts"),
    import("../dicom/segment-series.ts"),
    import("@samrefine/dicom"),
  ]);
  const engine = await openEngine(options);
  const progress = terminal.startProgress();
  try {
    const unet = await openUnet(engine, options.model, { terminal, signal });
    const plan = await choosePlan(options, unet.manifest);
    const found = chooseSeries(await readStudy(options.study, signal), unet.manifest, options.series);
    const sam = await openSam(engine, [plan], options, { terminal, signal });
    const segmented = await segmentSeries(found, {
      unet,
      sam,
      plan,
      probabilities: options.kind === "FRACTIONAL",
      signal,
      onSlice: (completed, total) => progress.update({ stage: "Segmenting", completed, total, unit: "slice" }),
    });
    progress.stop();
    for (const { message } of segmented.series.findings) terminal.note(message);
    if (plan.volume !== undefined && segmented.series.kind !== "volume") {
      terminal.note(
        `Plan ${plan.id} goes through volumes; this series is no regular one and was segmented image by image.`,
      );
    }

    const algorithm = {
      name: `SAM Refine: ${unet.manifest.id}${sam === undefined ? "" : ` + ${sam.modelId}`}`.slice(0, 64),
      version: unet.manifest.version,
      parameters: `plan ${plan.id}`,
    };
    const request = {
      kind: options.kind,
      sources: segmented.series.instances,
      segments: unet.manifest.labels.map((label) => ({
        ...label,
        typeModifiers: lateralityOf(label.label, label.type),
        algorithmType: "AUTOMATIC" as const,
        algorithm,
      })),
      masks: (number: SegmentNumber, index: number) => {
        if (options.kind === "FRACTIONAL") return probabilityOf(segmented, number, index);
        if (options.kind === "BINARY" || options.onOverlap === "error") return maskOf(segmented, number, index);
        return uncoveredMaskOf(segmented, number, index, options.onOverlap);
      },
      seriesDescription: `SAM Refine ${unet.manifest.id} (research)`.slice(0, 64),
      seriesNumber: 9000,
      created: new Date(),
    };
    const seg = encodeSeg(request);
    // Nothing leaves that does not come back identical.
    const verification = verifySeg(seg.bytes, request);
    await writeOutput(options.out, seg.bytes);

    const segments = unet.manifest.labels.map(({ number, label }) => ({
      number,
      label,
      pixels: countPixels(segmented, number),
    }));
    for (const { label, pixels } of segments) terminal.print(`${label}: ${pixels} pixels`);
    terminal.print(
      `${options.out}: ${seg.frameCount} frames of ${segmented.stacks.length} images by ${plan.id}, read back identical. Research use only.`,
    );
    terminal.print(explainPlan(plan));
    if (options.json !== undefined) {
      await writeJson(options.json, {
        command: "segment",
        seriesInstanceUid: found.uid,
        segSopInstanceUid: seg.sopInstanceUid,
        plan,
        findings: segmented.series.findings,
        segments,
        verification,
        images: segmented.series.instances.map(({ sopInstanceUid }, index) => ({
          sopInstanceUid,
          segments: segmented.outcomes[index],
        })),
      });
    }
  } finally {
    progress.stop();
    await engine.dispose();
  }
}

/** @throws RefineError `configuration` when no series fits, or several do and none is named. */
function chooseSeries({ series }: Study, manifest: SegmentationManifest, uid: string | undefined): StudySeries {
  const describe = (entry: StudySeries): string =>
    `${entry.uid} (${entry.traits.modality}, ${entry.instances.length} images)`;
  if (uid !== undefined) {
    const named = series.find((entry) => entry.uid === uid);
    if (named !== undefined) return named;
    throw new RefineError("configuration", `The study holds no series ${uid}.`, {
      hint: `Series: ${series.map(describe).join("; ")}.`,
    });
  }
  const fitting = series.filter(({ traits }) => matchSeries(manifest, traits).fits);
  if (fitting.length === 1) return fitting[0]!;
  const candidates = fitting.length > 1 ? fitting : series;
  throw new RefineError(
    "configuration",
    fitting.length > 1
      ? `${fitting.length} series fit the model ${manifest.id}.`
      : `No series fits the model ${manifest.id}.`,
    { hint: `Choose one with --series: ${candidates.map(describe).join("; ")}.` },
  );
}

function maskOf({ stacks }: SegmentedSeries, number: SegmentNumber, index: number): Uint8Array | undefined {
  return stacks[index]?.segments.find((entry) => entry.number === number)?.mask.data;
}

/** The pixels of a segment that no segment on top of it has. */
function uncoveredMaskOf(
  segmented: SegmentedSeries,
  number: SegmentNumber,
  index: number,
  onTop: Exclude<OnOverlap, "error">,
): Uint8Array | undefined {
  const above = (segmented.stacks[index]?.segments ?? []).filter((entry) =>
    onTop === "lowest-number" ? entry.number < number : entry.number > number,
  );
  return maskOf(segmented, number, index)?.map((value, i) =>
    above.some(({ mask }) => mask.data[i] !== 0) ? 0 : value,
  );
}

/** Clamped: blending may leave the unit interval by a rounding error. */
function probabilityOf({ stacks }: SegmentedSeries, number: SegmentNumber, index: number): Float32Array | undefined {
  const { probability } = stacks[index]?.segments.find((entry) => entry.number === number) ?? {};
  return probability?.map((value) => Math.min(1, Math.max(0, value)));
}

function parseKind(text: string): SegKind {
  const kind = text.toUpperCase();
  if (kind === "BINARY" || kind === "LABELMAP" || kind === "FRACTIONAL") return kind;
  throw new InvalidArgumentError("binary, labelmap or fractional is needed.");
}

function countPixels(segmented: SegmentedSeries, number: SegmentNumber): number {
  return segmented.stacks.reduce(
    (sum, _, index) => sum + (maskOf(segmented, number, index)?.reduce((area, value) => area + value, 0) ?? 0),
    0,
  );
}
