import { readFile } from "node:fs/promises";
import { RefineError, type VolumeGeometry } from "@samrefine/core";
import {
  type AlgorithmType,
  type DecodedSeg,
  type DecodedSegment,
  decodeSeg,
  encodeSeg,
  lateralityOf,
  matchToSeries,
  type SegMatch,
  type Series,
  seriesFromInstances,
  verifySeg,
} from "@samrefine/dicom";
import { reorderingBetween, reorderVoxels, type SegmentVoxels, type SegNrrd } from "@samrefine/formats";
import { type CommandContext, writeOutput } from "../command-context.ts";
import { readStudy, type StudySeries } from "../dicom/read-study.ts";
import { classColor } from "../report/class-colors.ts";

type VolumeSeries = Extract<Series, { readonly kind: "volume" }>;

/** A DICOM SEG laid over a series. */
export interface LaidSegmentation {
  readonly seg: DecodedSeg;
  /** The series on disk. */
  readonly found: StudySeries;
  readonly series: Series;
  readonly match: SegMatch;
}

/**
 * Lays a DICOM SEG over the series that it was drawn on, or over another one.
 * @param onto Series Instance UID; asks for resampling where the voxels differ, which is noted.
 * @throws RefineError `unsupported-dicom` when it lies on no series of the study, with the differences.
 */
export async function openDicomSegmentation(
  path: string,
  studyFolder: string,
  { signal, terminal }: Pick<CommandContext, "signal" | "terminal">,
  onto?: string,
): Promise<LaidSegmentation> {
  const seg = decodeSeg(await readFile(path));
  const study = await readStudy(studyFolder, signal);
  const wanted = onto ?? seg.referencedSeriesInstanceUid;
  const found = study.series.find(({ uid }) => uid === wanted);
  if (found === undefined) {
    const which = onto === undefined ? `the series that ${path} was drawn on` : `series ${onto}`;
    throw new RefineError("unsupported-dicom", `${studyFolder} does not hold ${which}.`, {
      hint: `Give the folder with series ${wanted ?? "(not named)"} to --source, or another series to --onto.`,
    });
  }
  const series = seriesFromInstances(found.instances.map(({ source }) => source));
  const match = matchToSeries(seg, series.instances, { resample: onto !== undefined });
  if (match.kind === "refused") {
    throw new RefineError("unsupported-dicom", `${path}: ${match.reasons.map(({ message }) => message).join(" ")}`, {
      hint: "Export it with the series that it was drawn on, or name a series to --onto to have it resampled.",
    });
  }
  if (match.differences.length > 0) {
    terminal.note(`Resampled onto the series: ${match.differences.map(({ message }) => message).join(" ")}`);
  }
  return { seg, found, series, match };
}

/**
 * The segments of a SEG as voxels of its series.
 * @throws RefineError `unsupported-dicom` when the series is no regular volume.
 */
export function volumeOfSegmentation({ seg, series: found, match }: LaidSegmentation): SegNrrd {
  const series = requireVolume(found);
  const [columns, rows, slices] = series.volume.size;
  const segments = seg.segments.map((segment): SegmentVoxels => {
    const data = new Uint8Array(columns * rows * slices);
    for (const k of match.instancesOf(segment.number)) data.set(match.mask(segment.number, k)!, k * columns * rows);
    return { description: describeDecoded(segment), data };
  });
  return { geometry: series.volume, segments };
}

/**
 * Writes segments as DICOM SEG on the series of a study whose voxels they label; axes that run another way, as those of RAS
 * files do, are turned.
 * @throws RefineError `configuration` when no series has these voxels, or several have.
 */
export async function writeDicomSegmentation(
  path: string,
  segmentation: SegNrrd,
  studyFolder: string,
  { algorithmType, signal }: { readonly algorithmType: AlgorithmType; readonly signal: AbortSignal },
): Promise<void> {
  const { series } = await readStudy(studyFolder, signal);
  const volumes = series
    .map(({ instances }) => seriesFromInstances(instances.map(({ source }) => source)))
    .filter((entry) => entry.kind === "volume");
  const fitting = volumes
    .map((entry) => ({ ...entry, reordering: reorderingBetween(segmentation.geometry, entry.volume) }))
    .filter(({ reordering }) => reordering !== undefined);
  if (fitting.length > 1) {
    throw new RefineError(
      "configuration",
      `${fitting.length} series in ${studyFolder} have the voxels of the segmentation (${describeGrid(segmentation.geometry)}).`,
      { hint: "Give the folder of the one series that it labels to --source." },
    );
  }
  const [target] = fitting;
  if (target?.reordering === undefined) {
    throw new RefineError(
      "configuration",
      `No series in ${studyFolder} has the voxels of the segmentation (${describeGrid(segmentation.geometry)}); found ` +
        `${volumes.map(({ volume }) => describeGrid(volume)).join("; ") || "no volume"}.`,
      { hint: "Only the direction and order of the axes may differ; resample the segmentation first." },
    );
  }
  const { volume, reordering, instances } = target;
  const area = volume.size[0] * volume.size[1];
  const masks = segmentation.segments.map(({ data }) => reorderVoxels(data, reordering, volume.size));
  const request = {
    sources: instances,
    segments: segmentation.segments.map(({ description }, index) => ({
      ...description,
      number: index + 1,
      typeModifiers: lateralityOf(description.label, description.type),
      algorithmType,
      // What made them is not known here, and somebody else's name would be an invention.
      algorithm: { name: "SAM Refine export", version: "0.1.0" },
    })),
    masks: (number: number, k: number) => masks[number - 1]?.subarray(k * area, (k + 1) * area),
    seriesDescription: "SAM Refine export (research)",
    seriesNumber: 9001,
    created: new Date(),
  };
  const seg = encodeSeg(request);
  verifySeg(seg.bytes, request);
  await writeOutput(path, seg.bytes);
}

export function requireVolume(series: Series): VolumeSeries {
  if (series.kind === "volume") return series;
  throw new RefineError(
    "unsupported-dicom",
    "The series is no regular volume, so that NIfTI and NRRD cannot hold it; PNG files can.",
    {
      hint: series.findings.map(({ message }) => message).join(" "),
    },
  );
}

function describeGrid({ size, indexToPatient: m }: VolumeGeometry): string {
  const spacing = [0, 1, 2].map((axis) => Math.hypot(m[axis]!, m[4 + axis]!, m[8 + axis]!).toFixed(3));
  return `${size.join(" x ")} of ${spacing.join(" x ")} mm at ${[m[3], m[7], m[11]].map((value) => value.toFixed(2)).join(", ")}`;
}

export function describeDecoded({
  number,
  label,
  colorRgb,
  category,
  type,
}: DecodedSegment): SegmentVoxels["description"] {
  return {
    number,
    label,
    colorRgb: colorRgb ?? classColor(number),
    category: category ?? { value: "91723000", scheme: "SCT", meaning: "Anatomical Structure" },
    type: type ?? { value: "85756007", scheme: "SCT", meaning: "Tissue" },
  };
}
