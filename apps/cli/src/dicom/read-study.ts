import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { isRefineError, RefineError } from "@samrefine/core";
import { type DicomFile, readPart10, type SourceInstance, sourceInstanceOf, textOf } from "@samrefine/dicom";
import type { SeriesTraits } from "@samrefine/models";
import { reasonOf } from "../dataset/dataset-error.ts";

/** One image instance on disk, of one frame or of many; its pixels are read again when they are needed. */
export interface StudyInstance {
  readonly path: string;
  readonly source: SourceInstance;
}

export interface StudySeries {
  readonly uid: string;
  readonly traits: SeriesTraits;
  readonly instances: readonly StudyInstance[];
}

export interface Study {
  readonly series: readonly StudySeries[];
  /** Files that are no readable DICOM image, with the reason. */
  readonly skipped: readonly { readonly path: string; readonly reason: string }[];
}

/**
 * Reads every DICOM image below a folder and groups them by series. Other files are skipped and named.
 * @throws RefineError `configuration` when the folder cannot be listed, `unsupported-dicom` when it holds no image.
 */
export async function readStudy(folder: string, signal: AbortSignal): Promise<Study> {
  const bySeries = new Map<string, StudyInstance[]>();
  const skipped: { path: string; reason: string }[] = [];
  for (const path of await listFiles(folder)) {
    signal.throwIfAborted();
    try {
      // Without the pixels, which would keep every file of the study in memory.
      const { PixelData: _, ...attributes } = readPart10(await readFile(path)).dataset;
      const source = sourceInstanceOf(attributes);
      const group = bySeries.get(source.seriesInstanceUid) ?? [];
      bySeries.set(source.seriesInstanceUid, group);
      group.push({ path, source });
    } catch (error) {
      if (!isRefineError(error)) throw error;
      skipped.push({ path, reason: reasonOf(error) });
    }
  }
  if (bySeries.size === 0) {
    throw new RefineError(
      "unsupported-dicom",
      `${folder} holds no readable DICOM image (${skipped.length} other files).`,
      {
        hint: "Give a folder with the files of a study.",
      },
    );
  }
  const series = [...bySeries].map(([uid, instances]) => ({ uid, traits: traitsOf(instances[0]!.source), instances }));
  return { series, skipped };
}

/** The file's data set with pixels. */
export async function readInstance({ path }: StudyInstance): Promise<DicomFile> {
  return readPart10(await readFile(path));
}

function traitsOf({ modality, attributes }: SourceInstance): SeriesTraits {
  return {
    modality,
    bodyPart: textOf(attributes, "BodyPartExamined"),
    seriesDescription: textOf(attributes, "SeriesDescription"),
    manufacturer: textOf(attributes, "Manufacturer"),
  };
}

async function listFiles(folder: string): Promise<readonly string[]> {
  try {
    if ((await stat(folder)).isFile()) return [folder];
    const entries = await readdir(folder, { recursive: true, withFileTypes: true });
    return entries
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .sort();
  } catch (cause) {
    throw new RefineError("configuration", `${folder} cannot be listed: ${reasonOf(cause)}`, {
      hint: "Give a folder with DICOM files.",
      cause,
    });
  }
}
