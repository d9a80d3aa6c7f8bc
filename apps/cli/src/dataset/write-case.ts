import { join } from "node:path";
import { type DatasetCase, displayFlips, flipVoxels, type ImageGeometry, type PixelArray } from "@samrefine/core";
import { writeNifti } from "@samrefine/formats";
import sharp from "sharp";
import { writeOutput } from "../command-context.ts";
import type { OpenedDataset } from "./open-dataset.ts";

/** Writes a label map in the data set's own format and grid: `folder/<case>.<ending>`. Returns the path. */
export async function writeLabelMap(
  dataset: OpenedDataset,
  image: DatasetCase,
  slices: readonly Uint8Array[],
  folder: string,
): Promise<string> {
  const path = join(folder, `${image.id}${dataset.fileEnding}`);
  await writeOutput(path, await encode(dataset, image, joinSlices(slices, Uint8Array)));
  return path;
}

/**
 * Writes one class's probabilities: `folder/<case>__<label>.<ending>`, float32 in NIfTI, 16-bit grey (65535 = 1) in PNG.
 */
export async function writeProbabilityMap(
  dataset: OpenedDataset,
  image: DatasetCase,
  label: string,
  slices: readonly Float32Array[],
  folder: string,
): Promise<void> {
  const name = `${image.id}__${label.replace(/[^\w.-]+/g, "-")}${dataset.fileEnding}`;
  const values = joinSlices(slices, Float32Array);
  const voxels = dataset.dimension === 2 ? Uint16Array.from(values, (p) => Math.round(p * 65535)) : values;
  await writeOutput(join(folder, name), await encode(dataset, image, voxels));
}

async function encode(dataset: OpenedDataset, image: DatasetCase, data: PixelArray): Promise<Uint8Array> {
  if (dataset.dimension === 2) return await encodeGreyPng(data as Uint8Array | Uint16Array, image.slices[0]!.geometry);
  const { geometry, storedGeometry = geometry } = image;
  const volume = { geometry: storedGeometry, data: flipVoxels(data, geometry.size, displayFlips(storedGeometry)) };
  return writeNifti(volume, { gzip: dataset.fileEnding === ".nii.gz" });
}

/** One-channel PNG, 8 or 16 bits by the array's type. */
export async function encodeGreyPng(
  data: Uint8Array | Uint16Array,
  { columns, rows }: ImageGeometry,
): Promise<Uint8Array> {
  return await sharp(data, { raw: { width: columns, height: rows, channels: 1 } })
    .toColourspace(data instanceof Uint16Array ? "grey16" : "b-w")
    .png({ compressionLevel: 9 })
    .toBuffer();
}

function joinSlices<T extends Uint8Array | Float32Array>(slices: readonly T[], Voxels: new (length: number) => T): T {
  const area = slices[0]?.length ?? 0;
  const volume = new Voxels(area * slices.length);
  for (const [k, slice] of slices.entries()) volume.set(slice, k * area);
  return volume;
}
