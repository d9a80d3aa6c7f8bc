import {
  type CodedConcept,
  type Labelmap,
  RefineError,
  type SegmentDescription,
  type VolumeGeometry,
} from "@samrefine/core";
import { strToU8 } from "fflate";
import { deflateGzip } from "../gzip.ts";
import { readNrrd } from "./read-nrrd.ts";

/** One segment as voxels 0 | 1 over the whole grid, i fastest. Segments may overlap. */
export interface SegmentVoxels {
  readonly description: SegmentDescription;
  readonly data: Uint8Array;
}

export interface SegNrrd {
  readonly geometry: VolumeGeometry;
  readonly segments: readonly SegmentVoxels[];
}

/**
 * Writes a 3D Slicer segmentation (.seg.nrrd): gzip, LPS, one layer for segments that share no voxel, further layers for
 * those that overlap. Label value = segment number. Terminology is written as Slicer's tag
 * `TerminologyEntry:<context>~<category>~<type>~<modifier>~<region context>~<region>~<region modifier>`.
 * @throws RefineError `shape-mismatch`, or `configuration` for a segment number that is repeated or not 1..65535.
 * @see https://slicer.readthedocs.io/en/latest/user_guide/modules/segmentations.html#segmentation-file-format
 */
export function writeSegNrrd({ geometry, segments }: SegNrrd): Uint8Array {
  return writeSegNrrdLazily(
    geometry,
    segments.map(({ description }) => description),
    (index) => segments[index]!.data,
  );
}

/** {@link writeSegNrrd} with one segment's voxels alive at a time: `voxelsOf` is asked once per segment, by index. */
export function writeSegNrrdLazily(
  geometry: VolumeGeometry,
  descriptions: readonly SegmentDescription[],
  voxelsOf: (index: number) => Uint8Array,
): Uint8Array {
  const voxels = geometry.size[0] * geometry.size[1] * geometry.size[2];
  checkNumbers(descriptions);
  const isWide = descriptions.some(({ number }) => number > 255);
  const layers: (Uint8Array | Uint16Array)[] = [];
  const segmentHeaders = descriptions.flatMap((description, index) => {
    const data = voxelsOf(index);
    if (data.length !== voxels) throw wrongSize(description, data.length, voxels);
    const layer = layerFor(data, layers, () => (isWide ? new Uint16Array(voxels) : new Uint8Array(voxels)));
    const labels = layers[layer]!;
    for (let n = 0; n < voxels; n++) if (data[n] !== 0) labels[n] = description.number;
    return segmentLines({ description, data }, index, layer, geometry);
  });
  const count = Math.max(1, layers.length);
  const data = interleaveLayers(layers, voxels);
  const header = [
    "NRRD0004",
    "# Complete NRRD file format specification at:",
    "# http://teem.sourceforge.net/nrrd/format.html",
    `type: ${isWide ? "unsigned short" : "unsigned char"}`,
    `dimension: ${count > 1 ? 4 : 3}`,
    "space: left-posterior-superior",
    `sizes: ${count > 1 ? `${count} ` : ""}${geometry.size.join(" ")}`,
    `space directions: ${count > 1 ? "none " : ""}${[0, 1, 2].map((axis) => directionOf(geometry, axis)).join(" ")}`,
    `kinds: ${count > 1 ? "list " : ""}domain domain domain`,
    "endian: little",
    "encoding: gzip",
    `space origin: ${directionOf(geometry, 3)}`,
    ...segmentHeaders,
    "Segmentation_ContainedRepresentationNames:=Binary labelmap|",
    "Segmentation_ConversionParameters:=",
    "Segmentation_MasterRepresentation:=Binary labelmap",
    "Segmentation_ReferenceImageExtentOffset:=0 0 0",
    "",
    "",
  ].join("\n");
  const head = strToU8(header);
  const body = deflateGzip(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  const file = new Uint8Array(head.length + body.length);
  file.set(head);
  file.set(body, head.length);
  return file;
}

/** Exclusive labels as segments, one per description. */
export function segNrrdFromLabelmap(labelmap: Labelmap): SegNrrd {
  return {
    geometry: labelmap.geometry,
    segments: labelmap.descriptions.map((description) => ({
      description,
      data: Uint8Array.from(labelmap.data, (value) => (value === description.number ? 1 : 0)),
    })),
  };
}

/**
 * Reads a .seg.nrrd of 3D Slicer or of {@link writeSegNrrd}: segments by their layer and label value. A segment without
 * terminology becomes "Tissue"; segment numbers are the label values, or the order where layers repeat a value.
 * @throws RefineError `invalid-format`.
 */
export function readSegNrrd(bytes: Uint8Array): SegNrrd {
  const { geometry, components, data, keyValues } = readNrrd(bytes);
  const found: { name: string; color: SegmentDescription["colorRgb"]; tags: string; layer: number; value: number }[] =
    [];
  for (let index = 0; keyValues.has(`Segment${index}_ID`); index++) {
    const of = (key: string): string | undefined => keyValues.get(`Segment${index}_${key}`);
    const layer = Number(of("Layer") ?? index);
    const value = Number(of("LabelValue") ?? 1);
    if (!Number.isInteger(layer) || layer < 0 || layer >= components || !Number.isInteger(value)) {
      throw new RefineError(
        "invalid-format",
        `Segment ${index} names layer ${layer}, label ${value}; ${components} layers are there.`,
        {
          hint: "Save the segmentation again in 3D Slicer.",
        },
      );
    }
    const color = (of("Color") ?? "0.5 0.5 0.5").split(/\s+/).map((part) => Math.round(Number(part) * 255));
    found.push({
      name: of("Name") ?? `Segment ${index + 1}`,
      color: [color[0] ?? 128, color[1] ?? 128, color[2] ?? 128],
      tags: of("Tags") ?? "",
      layer,
      value,
    });
  }
  if (found.length === 0) {
    throw new RefineError("invalid-format", "The NRRD file names no segment (Segment0_ID).", {
      hint: "It is an ordinary volume; save it as a segmentation.",
    });
  }
  const areValuesUnique =
    new Set(found.map(({ value }) => value)).size === found.length && found.every((s) => s.value > 0);
  const voxels = data.length / components;
  return {
    geometry,
    segments: found.map(({ name, color, tags, layer, value }, index) => {
      const mask = new Uint8Array(voxels);
      for (let n = 0; n < voxels; n++) if (data[n * components + layer] === value) mask[n] = 1;
      const number = areValuesUnique ? value : index + 1;
      return { description: { number, label: name, colorRgb: color, ...terminologyOf(tags) }, data: mask };
    }),
  };
}

function wrongSize({ number, label }: SegmentDescription, found: number, voxels: number): RefineError {
  return new RefineError("shape-mismatch", `Segment ${number} (${label}) has ${found} voxels, the grid has ${voxels}.`);
}

function checkNumbers(descriptions: readonly SegmentDescription[]): void {
  const numbers = new Set<number>();
  for (const { number, label } of descriptions) {
    if (!Number.isInteger(number) || number < 1 || number > 0xffff || numbers.has(number)) {
      throw new RefineError("configuration", `Segment number ${number} (${label}) is repeated or not in 1 to 65535.`, {
        hint: "Number the segments 1, 2, 3, ...",
      });
    }
    numbers.add(number);
  }
}

/** First layer in which the segment meets no other; a new one is added where there is none. */
function layerFor<T extends Uint8Array | Uint16Array>(data: Uint8Array, layers: T[], create: () => T): number {
  const free = layers.findIndex((labels) => !data.some((value, n) => value !== 0 && labels[n] !== 0));
  return free >= 0 ? free : layers.push(create()) - 1;
}

/** The layers of a voxel together, as the list axis in front wants them. */
function interleaveLayers(layers: readonly (Uint8Array | Uint16Array)[], voxels: number): Uint8Array | Uint16Array {
  const [first = new Uint8Array(voxels)] = layers;
  if (layers.length <= 1) return first;
  const length = voxels * layers.length;
  const data = first instanceof Uint16Array ? new Uint16Array(length) : new Uint8Array(length);
  for (const [layer, labels] of layers.entries()) {
    for (let n = 0; n < voxels; n++) data[n * layers.length + layer] = labels[n]!;
  }
  return data;
}

/** Column of the affine as an NRRD vector; full precision, so that reading gives the same numbers. */
function directionOf({ indexToPatient }: VolumeGeometry, column: number): string {
  return `(${[0, 1, 2].map((row) => indexToPatient[4 * row + column]! + 0).join(",")})`;
}

function segmentLines(
  segment: SegmentVoxels,
  index: number,
  layer: number,
  geometry: VolumeGeometry,
): readonly string[] {
  const { number, label, colorRgb, category, type } = segment.description;
  const terminology =
    `Segmentation category and type - 3D Slicer General Anatomy list~${codeText(category)}~${codeText(type)}` +
    "~^^~Anatomic codes - DICOM master list~^^~^^";
  const values: Readonly<Record<string, string | number>> = {
    ID: `Segment_${number}`,
    Name: label,
    NameAutoGenerated: 0,
    Color: colorRgb.map((component) => component / 255).join(" "),
    ColorAutoGenerated: 0,
    Extent: extentOf(segment.data, geometry.size).join(" "),
    LabelValue: number,
    Layer: layer,
    Tags: `Segmentation.Status:inprogress|TerminologyEntry:${terminology}|`,
  };
  return Object.entries(values).map(([key, value]) => `Segment${index}_${key}:=${escapeValue(String(value))}`);
}

/** Inclusive index bounds of the segment, as Slicer writes them; of an empty segment 0 -1 on each axis. */
function extentOf(data: Uint8Array, [columns, rows, slices]: VolumeGeometry["size"]): readonly number[] {
  const extent = [columns, -1, rows, -1, slices, -1];
  for (let k = 0, n = 0; k < slices; k++) {
    for (let j = 0; j < rows; j++) {
      for (let i = 0; i < columns; i++, n++) {
        if (data[n] === 0) continue;
        [i, j, k].forEach((value, axis) => {
          extent[2 * axis] = Math.min(extent[2 * axis]!, value);
          extent[2 * axis + 1] = Math.max(extent[2 * axis + 1]!, value);
        });
      }
    }
  }
  return extent[1] === -1 ? [0, -1, 0, -1, 0, -1] : extent;
}

function codeText({ scheme, value, meaning }: CodedConcept): string {
  return [scheme, value, meaning].map((part) => part.replace(/[~^|]/g, " ")).join("^");
}

const tissue: CodedConcept = { scheme: "SCT", value: "85756007", meaning: "Tissue" };

function terminologyOf(tags: string): { readonly category: CodedConcept; readonly type: CodedConcept } {
  const entry = /TerminologyEntry:([^|]*)/.exec(tags)?.[1]?.split("~") ?? [];
  return { category: parseCode(entry[1]), type: parseCode(entry[2]) };
}

function parseCode(text: string | undefined): CodedConcept {
  const [scheme, value, meaning] = text?.split("^") ?? [];
  return scheme && value && meaning ? { scheme, value, meaning } : tissue;
}

function escapeValue(value: string): string {
  return value.replace(/\\/g, "\\\\").replace(/\r?\n/g, "\\n");
}
