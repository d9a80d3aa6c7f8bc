import { existsSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openDataset } from "./open-dataset.ts";

const folder = join(process.env.SAMREFINE_DATA ?? "", "Dataset503_Hippocampus");
const isThere = process.env.SAMREFINE_DATA !== undefined && existsSync(folder);
if (!isThere) console.warn("Skipped: the hippocampus data set is not beside the repository (SAMREFINE_DATA).");

test.skipIf(!isThere)("every validation case of the hippocampus set reads with its labels on one grid", async () => {
  const dataset = await openDataset(folder);
  for (const id of dataset.caseIds("val")) {
    const image = await dataset.readCase(id);
    const labels = await dataset.readLabels(id);
    expect(labels.slices.length).toBe(image.geometry.size[2]);
    expect(labels.slices[0]!.length).toBe(image.geometry.size[0] * image.geometry.size[1]);
    expect(new Set(labels.slices.flatMap((slice) => [...new Set(slice)]))).toEqual(new Set([0, 1, 2]));
    // NIfTI is RAS with positive diagonal in this set; slices are read the way up that DICOM has them, in LPS.
    expect(image.storedGeometry?.indexToPatient[0]).toBe(-1);
    expect([0, 5, 10].map((n) => image.geometry.indexToPatient[n])).toEqual([1, 1, 1]);
    expect(image.slices[0]!.geometry.spacingMm).toEqual({ x: 1, y: 1 });
  }
});
