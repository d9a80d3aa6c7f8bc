import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type Attributes,
  createDicomWebClient,
  type DecodedFrame,
  type DecodedSeg,
  type DecodedSegment,
  decodeSeg,
  sourceFrameOf,
  sourceInstanceOf,
  textOf,
} from "@samrefine/dicom";
import { imageNameOf, type ShownLabelmap } from "./shown-labelmap.ts";

/** A SEG as the archive gives it back. */
export interface StoredSeg {
  readonly bytes: Uint8Array;
  readonly seg: DecodedSeg;
}

/** Every SEG of a study, fetched from the DICOMweb service at `root`. */
export async function storedSegs(root: string, studyUid: string): Promise<readonly StoredSeg[]> {
  const client = createDicomWebClient({ root, fetch: (url, init) => fetch(url, init) });
  const segs: StoredSeg[] = [];
  for (const series of await client.searchSeries(studyUid, { Modality: "SEG" })) {
    const seriesUid = textOf(series, "SeriesInstanceUID") ?? "";
    for (const instance of await client.searchInstances(studyUid, seriesUid)) {
      const bytes = await client.retrieveInstance({
        studyInstanceUid: studyUid,
        seriesInstanceUid: seriesUid,
        sopInstanceUid: textOf(instance, "SOPInstanceUID") ?? "",
      });
      segs.push({ bytes, seg: decodeSeg(bytes) });
    }
  }
  return segs;
}

/** Bytes of every file below a folder. */
export async function filesBelow(folder: string): Promise<readonly Uint8Array[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return Promise.all(
    entries.filter((entry) => entry.isFile()).map((entry) => readFile(join(entry.parentPath, entry.name))),
  );
}

/** One segment on one image, as a SEG holds it. */
export interface StoredMask {
  readonly segment: DecodedSegment;
  readonly frame: DecodedFrame;
  /** See {@link imageNameOf}. */
  readonly image: string;
  /** 0 | 1 per pixel, row-major. */
  readonly mask: Uint8Array;
}

/** Every mask of a BINARY or LABELMAP SEG, one at a time. */
export function* masksOf(seg: DecodedSeg): Generator<StoredMask> {
  for (const frame of seg.frames) {
    const values = seg.frame(frame.index);
    const image = imageNameOf(frame.sourceSopInstanceUid ?? "", frame.sourceFrameNumber);
    for (const segment of seg.segments) {
      if (frame.segmentNumber !== undefined && frame.segmentNumber !== segment.number) continue;
      const value = frame.segmentNumber === undefined ? segment.number : 1;
      const mask = Uint8Array.from(values, (stored) => Number(stored === value));
      if (mask.includes(1)) yield { segment, frame, image, mask };
    }
  }
}

/** How a SEG stands to the label map on screen and to the images that it was drawn on. */
export interface SegComparison {
  /** Pixels per segment label, over all frames. */
  readonly voxels: ReadonlyMap<string, number>;
  /**
   * Pixels where the SEG says something else than the screen. A pixel that the SEG gives to two segments is shown as one of
   * them, so a segment may go on below a pixel that is shown as another one, and only there.
   */
  readonly differing: number;
  /** Pixels that belong to a segment below another one. */
  readonly overlapping: number;
  /** Frames whose position or orientation is not exactly that of the image that they name, or that name none. */
  readonly misplacedFrames: number;
}

/**
 * Compares pixel by pixel. Segments are matched by label, since empty ones are not stored and the rest is numbered anew.
 * @param sources metadata of the images, e.g. of {@link imageMetadata}
 */
export function compareWithScreen(
  seg: DecodedSeg,
  labelmap: ShownLabelmap,
  sources: ReadonlyMap<string, Attributes>,
): SegComparison {
  const numbers = new Map(labelmap.segments.map(({ number, label }) => [label, number]));
  const voxels = new Map<string, number>();
  let [differing, overlapping, misplacedFrames] = [0, 0, 0];
  /** What the frames cover, to find what is shown and not stored. */
  const stored = new Map([...labelmap.slices].map(([image, labels]) => [image, new Uint8Array(labels.length)]));
  for (const { segment, frame, image, mask } of masksOf(seg)) {
    const { label } = segment;
    const shownAs = numbers.get(label);
    const labels = labelmap.slices.get(image);
    const source = sources.get(frame.sourceSopInstanceUid ?? "");
    if (shownAs === undefined || labels === undefined || source === undefined) {
      throw new Error(
        `Frame ${frame.index} of segment "${label}" lies on ${image || "no image"}, which is not on screen.`,
      );
    }
    const { sourceFrameNumber: number } = frame;
    const { position, orientation } = number === undefined ? sourceInstanceOf(source) : sourceFrameOf(source, number);
    const isInPlace = isSamePlace(frame.position, position) && isSamePlace(frame.orientation, orientation);
    if (!isInPlace) misplacedFrames += 1;
    const covered = stored.get(image) ?? new Uint8Array();
    let count = 0;
    for (let i = 0; i < mask.length; i++) {
      if (mask[i] === 0) continue;
      count += 1;
      if (labels[i] === shownAs) covered[i] = 1;
      else if (labels[i] === 0) differing += 1;
      else overlapping += 1;
    }
    voxels.set(label, (voxels.get(label) ?? 0) + count);
  }
  for (const [image, labels] of labelmap.slices) {
    const covered = stored.get(image);
    for (let i = 0; i < labels.length; i++) if (labels[i] !== 0 && covered?.[i] !== 1) differing += 1;
  }
  return { voxels, differing, overlapping, misplacedFrames };
}

/** Metadata of the images of a series by SOP Instance UID. */
export async function imageMetadata(
  root: string,
  studyUid: string,
  seriesUid: string,
): Promise<ReadonlyMap<string, Attributes>> {
  const client = createDicomWebClient({ root, fetch: (url, init) => fetch(url, init) });
  const instances = await client.seriesMetadata(studyUid, seriesUid);
  return new Map(instances.map((instance) => [textOf(instance, "SOPInstanceUID") ?? "", instance]));
}

/** Both absent (a radiograph has no place in space), or equal up to the digits of a decimal string. */
function isSamePlace(stated: readonly number[] | undefined, source: readonly number[] | undefined): boolean {
  if (stated === undefined || source === undefined) return stated === source;
  return stated.every((value, index) => Math.abs(value - (source[index] ?? Number.NaN)) < 1e-4);
}

/** Whether dciodvfy (dicom3tools) is installed. */
export const hasDciodvfy: boolean = spawnSync("sh", ["-c", "command -v dciodvfy"]).status === 0;
if (!hasDciodvfy)
  console.warn("Skipped: dciodvfy (Debian package dicom3tools) is not installed, no SEG is judged by it.");

/** Lines of dciodvfy that begin with "Error"; it runs in a process of its own. */
export function dciodvfyErrors(bytes: Uint8Array): readonly string[] {
  const folder = mkdtempSync(join(tmpdir(), "samrefine-judge-"));
  try {
    const file = join(folder, "seg.dcm");
    writeFileSync(file, bytes);
    const { stdout, stderr, error } = spawnSync("dciodvfy", ["-new", file], { encoding: "utf8", maxBuffer: 1 << 26 });
    if (error !== undefined) throw error;
    return `${stdout}\n${stderr}`.split("\n").filter((line) => line.startsWith("Error"));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
