import { compareLabels, type DatasetCase, type MetricGrid, type MetricOptions } from "@samrefine/core";
import type { CaseScore } from "@samrefine/evaluation";
import type { OpenedDataset } from "../dataset/open-dataset.ts";
import { spacingOf } from "../dataset/spacing.ts";

/**
 * Compares label maps of one case, every class over the whole image or volume. Where the reference says `ignore`, nothing
 * is compared.
 * @param reference and `predicted`: one array per slice, exclusive labels on the image's grid.
 * @param options `distances: false` leaves out the distances, which take most of the time.
 */
export function scoreCase(
  image: DatasetCase,
  dataset: Pick<OpenedDataset, "labels" | "ignoreLabel">,
  reference: readonly Uint8Array[],
  predicted: readonly Uint8Array[],
  options: MetricOptions = {},
): readonly CaseScore[] {
  const truth = joinSlices(reference);
  const found = joinSlices(predicted);
  if (dataset.ignoreLabel !== undefined) {
    for (let n = 0; n < truth.length; n++) if (truth[n] === dataset.ignoreLabel) found[n] = 0;
  }
  const values = dataset.labels.map(({ value }) => value);
  const metrics = compareLabels(truth, found, values, metricGrid(image), options);
  return dataset.labels.map(({ name, value }) => ({ caseId: image.id, label: name, metrics: metrics.get(value)! }));
}

function metricGrid(image: DatasetCase): MetricGrid {
  const { size } = image.geometry;
  return image.hasSpacing ? { size, spacingMm: spacingOf(image) } : { size };
}

function joinSlices(slices: readonly Uint8Array[]): Uint8Array {
  const area = slices[0]?.length ?? 0;
  const joined = new Uint8Array(area * slices.length);
  for (const [k, slice] of slices.entries()) joined.set(slice, k * area);
  return joined;
}
