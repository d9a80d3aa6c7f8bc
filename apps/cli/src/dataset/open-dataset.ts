import { open, readdir, readFile } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { constants, gunzipSync } from "node:zlib";
import {
  type Affine3D,
  type DatasetCase,
  type DatasetLabels,
  type DatasetSource,
  displayFlips,
  flipVolume,
  flipVoxels,
  type Image2D,
  type PixelArray,
  RefineError,
  type SplitName,
  type VolumeGeometry,
} from "@samrefine/core";
import { type NiftiFile, parseNiftiHeader, readNifti } from "@samrefine/formats";
import {
  type DatasetDescription,
  describeCases,
  parseDatasetDescription,
  parseSplit,
  type Split,
} from "./dataset-description.ts";
import { datasetError, reasonOf } from "./dataset-error.ts";
import { readGreyPng, readPngSize } from "./read-grey-png.ts";

/** Where the files of a case lie; a label file may be missing (unlabelled case), an image may be missing by mistake. */
export interface CaseFiles {
  readonly imagePath: string | undefined;
  readonly labelPath: string | undefined;
}

/** A {@link DatasetSource} on disk, with what writing results beside it needs. */
export interface OpenedDataset extends DatasetSource {
  readonly directory: string;
  readonly fileEnding: DatasetDescription["fileEnding"];
  /** All cases with an image, sorted. */
  readonly allCaseIds: readonly string[];
  /** @throws RefineError `dataset` for an unknown case. */
  caseFiles(id: string): CaseFiles;
}

export interface OpenDatasetOptions {
  /** Path of the split; default `split.json` in the folder. Without any: imagesTr with labels = labeled, without = unlabeled, imagesTs = test. */
  readonly split?: string | undefined;
}

/**
 * Opens an nnU-Net v2 raw data set: dataset.json, `imagesTr|Ts/<case>_0000.<ext>`, `labelsTr|Ts/<case>.<ext>`, split.json.
 * Only names are read here; pixels are read case by case.
 * @throws RefineError `configuration` when dataset.json or the split cannot be read, `dataset` for an invalid description or
 * split, or a split that names unknown cases.
 */
export async function openDataset(directory: string, options: OpenDatasetOptions = {}): Promise<OpenedDataset> {
  const root = resolve(directory);
  const description = parseDatasetDescription(await readJson(join(root, "dataset.json")), join(root, "dataset.json"));
  const files = await listCases(root, description.fileEnding);
  const split = await readSplit(root, options.split, files);
  return new FolderDataset(root, description, split, files);
}

class FolderDataset implements OpenedDataset {
  readonly name: string;
  readonly labels: DatasetDescription["labels"];
  readonly ignoreLabel: number | undefined;
  readonly channelName: string;
  readonly dimension: 2 | 3;
  readonly directory: string;
  readonly fileEnding: DatasetDescription["fileEnding"];
  readonly allCaseIds: readonly string[];
  readonly #split: Split;
  readonly #files: ReadonlyMap<string, CaseFiles>;

  constructor(directory: string, description: DatasetDescription, split: Split, files: ReadonlyMap<string, CaseFiles>) {
    this.name = description.name ?? basename(directory);
    this.labels = description.labels;
    this.ignoreLabel = description.ignoreLabel;
    this.channelName = description.channelName;
    this.dimension = description.fileEnding === ".png" ? 2 : 3;
    this.directory = directory;
    this.fileEnding = description.fileEnding;
    this.#split = split;
    this.#files = files;
    this.allCaseIds = [...files].filter(([, { imagePath }]) => imagePath !== undefined).map(([id]) => id);
  }

  caseIds(split: SplitName): readonly string[] {
    return this.#split[split];
  }

  caseFiles(id: string): CaseFiles {
    const files = this.#files.get(id);
    if (files === undefined) throw datasetError(`${this.directory} has no case ${id}.`, { caseId: id });
    return files;
  }

  async readCase(id: string): Promise<DatasetCase> {
    const { imagePath } = this.caseFiles(id);
    if (imagePath === undefined) {
      throw datasetError(
        `Case ${id} has a label map but no image ${id}_0000${this.fileEnding} in imagesTr or imagesTs.`,
        {
          caseId: id,
        },
      );
    }
    if (this.dimension === 2) return await readPngCase(id, imagePath);
    const { volume: stored } = await readNiftiOfCase(id, imagePath);
    const volume = flipVolume(stored, displayFlips(stored.geometry));
    const [columns, rows, count] = volume.geometry.size;
    const m = volume.geometry.indexToPatient;
    const spacingMm = { x: Math.hypot(m[0], m[4], m[8]), y: Math.hypot(m[1], m[5], m[9]) };
    const slices = Array.from(
      { length: count },
      (_, k): Image2D => ({
        geometry: { columns, rows, spacingMm },
        channels: 1,
        data: volume.data.subarray(k * columns * rows, (k + 1) * columns * rows),
      }),
    );
    return { id, geometry: volume.geometry, storedGeometry: stored.geometry, hasSpacing: true, slices };
  }

  async readLabels(id: string): Promise<DatasetLabels> {
    const { labelPath } = this.caseFiles(id);
    if (labelPath === undefined) {
      throw datasetError(`Case ${id} has no label map ${id}${this.fileEnding} in labelsTr or labelsTs.`, {
        caseId: id,
      });
    }
    return await readLabelsFrom(this, id, labelPath);
  }
}

/**
 * Reads any label map of a case, e.g. a prediction, with the checks of {@link DatasetSource.readLabels}.
 * @throws RefineError `dataset` for a file of another size than the image, or values outside dataset.json.
 */
export async function readLabelsFrom(dataset: OpenedDataset, id: string, path: string): Promise<DatasetLabels> {
  const { imagePath } = dataset.caseFiles(id);
  const found = await readLabelFile(id, path, dataset.dimension);
  const image = imagePath === undefined ? found : await readImageGrid(id, imagePath, dataset.dimension);
  if (image.size.some((n, axis) => n !== found.size[axis])) {
    throw datasetError(
      `The label map of case ${id} is ${found.size.join(" x ")}, its image is ${image.size.join(" x ")}.`,
      { hint: "Image and label map must share one grid; resample the label map.", caseId: id },
    );
  }
  // Voxel for voxel with the image, whatever the label map's own header says: that is nnU-Net's rule.
  const data = dataset.dimension === 2 ? found.data : flipVoxels(found.data, found.size, displayFlips(image));
  return { id, slices: checkedSlices(dataset, id, { ...found, data }) };
}

function checkedSlices(dataset: OpenedDataset, id: string, { size, data }: LabelFile): readonly Uint8Array[] {
  const highest = dataset.ignoreLabel ?? dataset.labels.length;
  const labels = new Uint8Array(data.length);
  for (let n = 0; n < data.length; n++) {
    const value = data[n]!;
    if (!(value >= 0 && value <= highest && Number.isInteger(value))) {
      throw datasetError(
        `The label map of case ${id} holds the value ${value}; dataset.json declares 0 to ${highest}.`,
        {
          hint: "Correct the label map, or declare the label in dataset.json.",
          caseId: id,
        },
      );
    }
    labels[n] = value;
  }
  const area = size[0] * size[1];
  return Array.from({ length: size[2] }, (_, k) => labels.subarray(k * area, (k + 1) * area));
}

interface LabelFile extends VolumeGeometry {
  readonly data: PixelArray;
}

/** Of a PNG, which has no place in a patient. */
const noPlace: Affine3D = [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1];

async function readLabelFile(id: string, path: string, dimension: 2 | 3): Promise<LabelFile> {
  if (dimension === 3) {
    const { volume } = await readNiftiOfCase(id, path);
    return { ...volume.geometry, data: volume.data };
  }
  const png = await readPng(id, path);
  if (png.isPalette || png.isColour) {
    throw datasetError(
      `The label map of case ${id} is a ${png.isPalette ? "palette" : "colour"} PNG; grey is needed.`,
      {
        hint: "Save it with one channel whose grey value is the label.",
        caseId: id,
      },
    );
  }
  return { size: [png.columns, png.rows, 1], indexToPatient: noPlace, data: png.data };
}

async function readPngCase(id: string, path: string): Promise<DatasetCase> {
  const { columns, rows, data } = await readPng(id, path);
  return {
    id,
    geometry: { size: [columns, rows, 1], indexToPatient: noPlace },
    hasSpacing: false,
    slices: [{ geometry: { columns, rows }, channels: 1, data }],
  };
}

async function readPng(id: string, path: string): ReturnType<typeof readGreyPng> {
  try {
    return await readGreyPng(path);
  } catch (cause) {
    throw unreadable(id, path, cause);
  }
}

async function readNiftiOfCase(id: string, path: string): Promise<NiftiFile> {
  try {
    return readNifti(await readFile(path));
  } catch (cause) {
    throw unreadable(id, path, cause);
  }
}

async function readImageGrid(id: string, path: string, dimension: 2 | 3): Promise<VolumeGeometry> {
  try {
    if (dimension === 2) {
      const { columns, rows } = await readPngSize(path);
      return { size: [columns, rows, 1], indexToPatient: noPlace };
    }
    return parseNiftiHeader(await readFirstBytes(path));
  } catch (cause) {
    throw unreadable(id, path, cause);
  }
}

/** Enough of the file for a NIfTI header, inflated when it is gzip. */
async function readFirstBytes(path: string): Promise<Uint8Array> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(4096), 0, 4096, 0);
    const start = buffer.subarray(0, bytesRead);
    return path.endsWith(".gz") ? gunzipSync(start, { finishFlush: constants.Z_SYNC_FLUSH }) : start;
  } finally {
    await file.close();
  }
}

function unreadable(id: string, path: string, cause: unknown): Error {
  return datasetError(`Case ${id}: ${basename(path)} cannot be read: ${reasonOf(cause)}`, { caseId: id, cause });
}

async function readJson(path: string): Promise<unknown> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (cause) {
    throw new RefineError("configuration", `${path} cannot be read: ${reasonOf(cause)}`, {
      hint: "Give the folder of an nnU-Net v2 raw data set (with dataset.json, imagesTr, labelsTr).",
      cause,
    });
  }
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw datasetError(`${path} is not JSON: ${reasonOf(cause)}`, { cause });
  }
}

async function listCases(root: string, ending: string): Promise<ReadonlyMap<string, CaseFiles>> {
  const images = new Map<string, string>();
  const labels = new Map<string, string>();
  for (const part of ["Tr", "Ts"]) {
    await collect(join(root, `images${part}`), `_0000${ending}`, images);
    await collect(join(root, `labels${part}`), ending, labels);
  }
  if (images.size === 0) {
    throw datasetError(`${root} has no image named <case>_0000${ending} in imagesTr or imagesTs.`);
  }
  const ids = [...new Set([...images.keys(), ...labels.keys()])].sort();
  return new Map(ids.map((id) => [id, { imagePath: images.get(id), labelPath: labels.get(id) }]));
}

async function collect(folder: string, suffix: string, into: Map<string, string>): Promise<void> {
  let names: readonly string[];
  try {
    names = await readdir(folder);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return;
    throw datasetError(`${folder} cannot be listed: ${reasonOf(cause)}`, { cause });
  }
  for (const name of names) {
    if (!name.endsWith(suffix) || name.startsWith(".")) continue;
    const id = name.slice(0, -suffix.length);
    const other = into.get(id);
    if (other !== undefined) {
      throw datasetError(`Case ${id} is there twice: ${other} and ${join(folder, name)}.`, { caseId: id });
    }
    into.set(id, join(folder, name));
  }
}

async function readSplit(
  root: string,
  path: string | undefined,
  files: ReadonlyMap<string, CaseFiles>,
): Promise<Split> {
  const inFolder = join(root, "split.json");
  if (path === undefined && !(await exists(inFolder))) return splitOfFolders(files);
  const file = path ?? inFolder;
  const split = parseSplit(await readJson(file), file);
  const unknown = Object.values(split)
    .flat()
    .filter((id) => !files.has(id));
  if (unknown.length > 0) {
    throw datasetError(`${file} names ${describeCases(unknown)} that the data set does not hold.`, {
      hint: "Correct the split, or add the missing files.",
      caseId: unknown[0]!,
    });
  }
  return split;
}

function splitOfFolders(files: ReadonlyMap<string, CaseFiles>): Split {
  const split = { labeled: [] as string[], unlabeled: [] as string[], val: [] as string[], test: [] as string[] };
  for (const [id, { imagePath, labelPath }] of files) {
    const folder = basename(join(imagePath ?? labelPath ?? "", ".."));
    if (folder.endsWith("Ts")) split.test.push(id);
    else if (labelPath !== undefined) split.labeled.push(id);
    else split.unlabeled.push(id);
  }
  return split;
}

async function exists(path: string): Promise<boolean> {
  try {
    await (await open(path)).close();
    return true;
  } catch {
    return false;
  }
}
