import { join } from "node:path";
import type { DatasetCase, DatasetLabels, SegmentDescription } from "@samrefine/core";
import { RefineError } from "@samrefine/core";
import { type AlgorithmType, suggestConcept } from "@samrefine/dicom";
import type { SegmentVoxels } from "@samrefine/formats";
import { type CaseFailure, runCases } from "../cases/run-cases.ts";
import type { CommandContext } from "../command-context.ts";
import { openDataset } from "../dataset/open-dataset.ts";
import { writeDicomSegmentation } from "./dicom-segmentation.ts";

export interface DatasetSegsTask {
  /** nnU-Net raw data set of volumes. */
  readonly dataset: string;
  /** Folder of the DICOM images that the cases were made from, sub-folders included. */
  readonly source: string;
  readonly target: string;
  readonly algorithmType: AlgorithmType;
}

/**
 * Writes the label map of every case of a data set as DICOM SEG, `target/<case>.dcm`, on the one series that has its voxels.
 * Names come from dataset.json, codes from the concept dictionary; the ignore label is no segment.
 * @returns the cases that were written, and why others were not.
 * @throws RefineError `configuration` for a data set of single images, which do not say what series they are of.
 */
export async function writeDatasetSegs(
  task: DatasetSegsTask,
  context: CommandContext,
): Promise<{ readonly results: readonly string[]; readonly failures: readonly CaseFailure[] }> {
  const dataset = await openDataset(task.dataset);
  if (dataset.dimension === 2) {
    throw new RefineError("configuration", `${task.dataset} holds single images, which lie nowhere in the patient.`, {
      hint: "Data sets of volumes (.nii.gz) become DICOM SEGs.",
    });
  }
  const descriptions = dataset.labels.map(({ name }, index) => describeLabel(name, index + 1));
  const labeled = dataset.allCaseIds.filter((id) => dataset.caseFiles(id).labelPath !== undefined);
  return await runCases("Writing DICOM SEGs", labeled, context, async (id) => {
    const [{ geometry }, labels] = await Promise.all([dataset.readCase(id), dataset.readLabels(id)]);
    const segments = segmentsOf(geometry, labels, descriptions);
    await writeDicomSegmentation(join(task.target, `${id}.dcm`), { geometry, segments }, task.source, {
      algorithmType: task.algorithmType,
      signal: context.signal,
    });
    return id;
  });
}

function describeLabel(label: string, number: number): SegmentDescription {
  const { type, category, colorRgb } = suggestConcept(label);
  return { number, label, type, category, colorRgb };
}

function segmentsOf(
  { size: [columns, rows, slices] }: DatasetCase["geometry"],
  labels: DatasetLabels,
  descriptions: readonly SegmentDescription[],
): readonly SegmentVoxels[] {
  const area = columns * rows;
  return descriptions.map((description) => {
    const data = new Uint8Array(area * slices);
    for (const [k, slice] of labels.slices.entries()) {
      slice.forEach((value, n) => {
        if (value === description.number) data[k * area + n] = 1;
      });
    }
    return { description, data };
  });
}
