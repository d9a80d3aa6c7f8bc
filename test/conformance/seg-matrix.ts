// What is written for the judges: {study} x {kind} x {one segment, three, overlapping}, on real
// series and on the demo's drawn ones.
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  readPart10,
  type SegKind,
  type SegRequest,
  type SegSegment,
  type Series,
  type SourceInstance,
  seriesFromInstances,
  sourceInstanceOf,
} from "@samrefine/dicom";
import { abdominalCtStudyFiles, handStudyFiles } from "@samrefine/phantoms";
import { enhancedCt } from "./enhanced-ct.ts";

export const dataFolder: string = join(
  process.env.SAMREFINE_DATA ?? fileURLToPath(new URL("../../../shared/data", import.meta.url)),
  "dicom",
);

/** A real study of the data folder, or one that is drawn here. */
type Study =
  | { readonly name: string; readonly folder: string; readonly only?: RegExp }
  | { readonly name: string; readonly draw: () => readonly Uint8Array[] };

/** The demo's abdomen, with fewer and coarser slices: what is judged does not depend on their number. */
const abdomen = { seed: 1, matrix: 128, slices: 8 };

export const studies: readonly Study[] = [
  { name: "CT body", folder: "ct_body_20slices" },
  { name: "tilted head CT", folder: "ct_head_tilt_ge" },
  { name: "liver CT", folder: "dcmqi_ct3slice_liver", only: /^\d+\.dcm$/ },
  { name: "hippocampus MR", folder: "hippocampus_mr/hippocampus_001" },
  { name: "teeth DX", folder: "teeth_dx/pan001" },
  { name: "chest CR", folder: "chest_cr/cxr001" },
  { name: "DX with spacing", folder: "cr_dx_single", only: /^dx_image/ },
  { name: "demo hand DX", draw: () => handStudyFiles({ seed: 1, images: 2 }) },
  { name: "demo abdominal CT", draw: () => abdominalCtStudyFiles(abdomen) },
  { name: "enhanced CT", draw: () => [enhancedCt(abdominalCtStudyFiles(abdomen))] },
];

export const kinds: readonly SegKind[] = ["BINARY", "LABELMAP", "FRACTIONAL"];
export const scenarios = ["1 segment", "3 segments", "overlapping"] as const;
export type Scenario = (typeof scenarios)[number];

export interface StudyOnDisk {
  readonly name: string;
  readonly files: readonly string[];
  readonly series: Series;
}

/**
 * undefined, with a printed reason, where the real data is absent.
 * @param scratch folder for the files of studies that are drawn.
 */
export function openStudy(study: Study, scratch: string): StudyOnDisk | undefined {
  const files = "draw" in study ? drawnFiles(study, scratch) : realFiles(study);
  if (files === undefined) return undefined;
  const instances = files.map((file) => sourceInstanceOf(readPart10(readFileSync(file)).dataset));
  return { name: study.name, files, series: seriesFromInstances(instances) };
}

function realFiles(study: Extract<Study, { readonly folder: string }>): readonly string[] | undefined {
  const folder = join(dataFolder, study.folder);
  if (!existsSync(folder)) {
    console.warn(`Skipped: ${study.name} is not there (${folder}); set SAMREFINE_DATA.`);
    return undefined;
  }
  const pattern = study.only ?? /\.dcm$/;
  return readdirSync(folder)
    .filter((name) => pattern.test(name))
    .map((name) => join(folder, name));
}

function drawnFiles(study: Extract<Study, { readonly draw: unknown }>, scratch: string): readonly string[] {
  return study.draw().map((bytes, index) => {
    const file = join(scratch, `${study.name.replaceAll(" ", "-")}-${index}.source.dcm`);
    writeFileSync(file, bytes);
    return file;
  });
}

const SEGMENTS: readonly SegSegment[] = [
  {
    number: 1,
    label: "Liver",
    colorRgb: [221, 130, 101],
    category: { value: "123037004", scheme: "SCT", meaning: "Anatomical Structure" },
    type: { value: "10200004", scheme: "SCT", meaning: "Liver" },
    algorithmType: "AUTOMATIC",
    algorithm: { name: "SAM Refine conformance", version: "1", parameters: "plan=none" },
  },
  {
    number: 2,
    label: "Tumour",
    colorRgb: [144, 238, 144],
    category: { value: "49755003", scheme: "SCT", meaning: "Morphologically Altered Structure" },
    type: { value: "4147007", scheme: "SCT", meaning: "Mass" },
    algorithmType: "SEMIAUTOMATIC",
    algorithm: { name: "SAM Refine conformance", version: "1" },
    anatomicRegion: { value: "10200004", scheme: "SCT", meaning: "Liver" },
    description: "Corrected by points",
  },
  {
    number: 3,
    label: "Left kidney",
    colorRgb: [185, 102, 83],
    category: { value: "123037004", scheme: "SCT", meaning: "Anatomical Structure" },
    type: { value: "64033007", scheme: "SCT", meaning: "Kidney" },
    typeModifiers: [{ value: "7771000", scheme: "SCT", meaning: "Left" }],
    algorithmType: "MANUAL",
  },
];

/** Discs that move from slice to slice, so that no two frames are alike and none is symmetric. */
function discMask(
  source: SourceInstance,
  segment: number,
  index: number,
  isOverlapping: boolean,
): Uint8Array | undefined {
  if ((index + segment) % 4 === 3 && index > 0) return undefined;
  const { rows, columns } = source;
  const mask = new Uint8Array(rows * columns);
  const radius = Math.max(1, Math.min(rows, columns) * 0.08);
  const centreX = columns * (isOverlapping ? 0.45 : 0.2 + 0.22 * segment) + (index % 5);
  const centreY = rows * 0.4 + 0.3 * index + segment;
  for (let y = Math.max(0, Math.floor(centreY - radius)); y < Math.min(rows, centreY + radius + 1); y++) {
    const half = Math.sqrt(Math.max(0, radius ** 2 - (y - centreY) ** 2));
    // One pixel longer to the right, so that a mirrored disc is another disc.
    const [from, to] = [Math.max(0, Math.ceil(centreX - half)), Math.min(columns - 1, Math.floor(centreX + half) + 1)];
    mask.fill(1, y * columns + from, y * columns + to + 1);
  }
  return mask;
}

/** undefined where the scenario cannot be: a label map holds no overlaps. */
export function requestFor(study: StudyOnDisk, kind: SegKind, scenario: Scenario): SegRequest | undefined {
  if (kind === "LABELMAP" && scenario === "overlapping") return undefined;
  const { instances } = study.series;
  return {
    kind,
    sources: instances,
    segments: scenario === "1 segment" ? SEGMENTS.slice(0, 1) : SEGMENTS,
    masks: (segment, index) => {
      const source = instances[index];
      const mask = source && discMask(source, segment, index, scenario === "overlapping");
      if (mask === undefined || kind !== "FRACTIONAL") return mask;
      const probability = new Float32Array(mask.length);
      for (let i = mask.indexOf(1); i !== -1; i = mask.indexOf(1, i + 1)) probability[i] = ((i % 255) + 1) / 255;
      return probability;
    },
    seriesDescription: `Conformance ${kind}`,
    seriesNumber: 9001,
    contentCreatorName: "Doe^Jane",
    created: new Date(2026, 0, 2, 3, 4, 5),
  };
}
