import { type Affine3D, type PixelArray, RefineError, type VolumeGeometry } from "@samrefine/core";
import { strFromU8 } from "fflate";
import { copyBytes } from "../copy-bytes.ts";
import { inflateGzip } from "../gzip.ts";

/** An NRRD file with three spatial axes and, before them, at most one list axis (the layers of a seg.nrrd). */
export interface NrrdFile {
  /** Millimetres, LPS, whatever space the file was written in. */
  readonly geometry: VolumeGeometry;
  /** Samples of the list axis per voxel, interleaved; 1 for an ordinary volume. */
  readonly components: number;
  readonly data: PixelArray;
  /** `key:=value` lines, unescaped. */
  readonly keyValues: ReadonlyMap<string, string>;
}

/**
 * Reads an attached NRRD file with raw or gzip encoding. 64-bit floats become Float32Array.
 * @throws RefineError `invalid-format`.
 * @see http://teem.sourceforge.net/nrrd/format.html
 */
export function readNrrd(bytes: Uint8Array): NrrdFile {
  const { fields, keyValues, dataOffset } = parseHeader(bytes);
  const field = (name: string): string => {
    const value = fields.get(name);
    if (value === undefined) throw invalidNrrd(`the field "${name}" is missing`);
    return value;
  };
  if (fields.has("data file") || fields.has("datafile")) throw invalidNrrd("its voxels lie in another file");
  const sizes = field("sizes").trim().split(/\s+/).map(Number);
  if (sizes.length !== Number(field("dimension"))) throw invalidNrrd(`"dimension" and "sizes" differ`);
  if (sizes.some((n) => !Number.isSafeInteger(n) || n < 1)) throw invalidNrrd(`its sizes are ${sizes.join(" x ")}`);
  const { components, geometry } = readGeometry(sizes, fields);
  const data = readVoxels(bytes.subarray(dataOffset), sizes, fields, field);
  return { geometry, components, data, keyValues };
}

interface NrrdHeader {
  readonly fields: ReadonlyMap<string, string>;
  readonly keyValues: ReadonlyMap<string, string>;
  readonly dataOffset: number;
}

function parseHeader(bytes: Uint8Array): NrrdHeader {
  const end = endOfHeader(bytes);
  const lines = strFromU8(bytes.subarray(0, end)).split(/\r?\n/);
  if (!/^NRRD000[1-5]$/.test(lines[0] ?? "")) throw invalidNrrd(`its first line is "${(lines[0] ?? "").slice(0, 20)}"`);
  const fields = new Map<string, string>();
  const keyValues = new Map<string, string>();
  for (const line of lines.slice(1)) {
    if (line.startsWith("#") || line === "") continue;
    const pair = /^(.*?)(:=|: )(.*)$/s.exec(line);
    if (pair === null) throw invalidNrrd(`the header line "${line.slice(0, 40)}" is neither field nor key`);
    const [, key, separator, value] = pair as unknown as readonly [string, string, string, string];
    if (separator === ":=") keyValues.set(key, unescapeValue(value));
    else fields.set(key.toLowerCase(), value.trim());
  }
  return { fields, keyValues, dataOffset: end };
}

/** Offset of the first byte after the empty line that ends the header. */
function endOfHeader(bytes: Uint8Array): number {
  const limit = Math.min(bytes.length, 1 << 24);
  for (let n = 1; n < limit; n++) {
    if (bytes[n] !== 10) continue;
    if (bytes[n - 1] === 10 || (bytes[n - 1] === 13 && bytes[n - 2] === 10)) return n + 1;
  }
  throw invalidNrrd("no empty line ends its header");
}

function readGeometry(
  sizes: readonly number[],
  fields: ReadonlyMap<string, string>,
): { readonly components: number; readonly geometry: VolumeGeometry } {
  const hasList = sizes.length === 4;
  if (sizes.length !== 3 && !hasList) throw invalidNrrd(`it has ${sizes.length} axes; 3, or 4 with a list, are read`);
  const size = sizes.slice(-3) as unknown as readonly [number, number, number];
  const components = hasList ? sizes[0]! : 1;
  const directions = readDirections(fields, hasList);
  const origin = fields.has("space origin") ? readVector(fields.get("space origin")!) : [0, 0, 0];
  const signs = spaceSigns(fields.get("space"));
  const row = (axis: number): readonly [number, number, number, number] => [
    signs[axis]! * directions[0]![axis]! + 0,
    signs[axis]! * directions[1]![axis]! + 0,
    signs[axis]! * directions[2]![axis]! + 0,
    signs[axis]! * origin[axis]! + 0,
  ];
  const indexToPatient: Affine3D = [...row(0), ...row(1), ...row(2), 0, 0, 0, 1];
  const m = indexToPatient;
  const determinant =
    m[0] * (m[5] * m[10] - m[6] * m[9]) - m[1] * (m[4] * m[10] - m[6] * m[8]) + m[2] * (m[4] * m[9] - m[5] * m[8]);
  if (determinant === 0) throw invalidNrrd("its space directions lie in one plane");
  return { components, geometry: { size, indexToPatient } };
}

function readDirections(fields: ReadonlyMap<string, string>, hasList: boolean): readonly (readonly number[])[] {
  const text = fields.get("space directions");
  if (text === undefined) {
    const spacings = fields.get("spacings")?.trim().split(/\s+/).map(Number).slice(-3) ?? [1, 1, 1];
    const [x, y, z] = spacings.map((spacing) => (spacing > 0 ? spacing : 1)) as [number, number, number];
    return [
      [x, 0, 0],
      [0, y, 0],
      [0, 0, z],
    ];
  }
  const entries = text.match(/none|\([^)]*\)/g) ?? [];
  const spatial = hasList && entries[0] === "none" ? entries.slice(1) : entries;
  if (spatial.length !== 3 || spatial.includes("none")) {
    throw invalidNrrd(`its space directions are "${text}"; three spatial axes after an optional list axis are read`);
  }
  return spatial.map(readVector);
}

function readVector(text: string): readonly number[] {
  const vector = text
    .replace(/[()\s]/g, "")
    .split(",")
    .map(Number);
  if (vector.length !== 3 || !vector.every(Number.isFinite))
    throw invalidNrrd(`"${text}" is not a vector of three numbers`);
  return vector;
}

function spaceSigns(space: string | undefined): readonly [number, number, number] {
  switch (space?.toLowerCase()) {
    case undefined:
    case "left-posterior-superior":
    case "lps":
      return [1, 1, 1];
    case "right-anterior-superior":
    case "ras":
      return [-1, -1, 1];
    case "left-anterior-superior":
    case "las":
      return [1, -1, 1];
    default:
      throw invalidNrrd(
        `its space is "${space}"; left-posterior-superior, right-anterior-superior and left-anterior-superior are read`,
      );
  }
}

type VoxelReader = readonly [bytes: number, view: (buffer: ArrayBuffer) => PixelArray];

const sampleTypes: readonly (readonly [names: readonly string[], reader: VoxelReader])[] = [
  [
    ["uchar", "unsigned char", "uint8", "uint8_t"],
    [1, (b) => new Uint8Array(b)],
  ],
  [
    ["signed char", "int8", "int8_t"],
    [1, (b) => new Int8Array(b)],
  ],
  [
    ["ushort", "unsigned short", "unsigned short int", "uint16", "uint16_t"],
    [2, (b) => new Uint16Array(b)],
  ],
  [
    ["short", "short int", "signed short", "signed short int", "int16", "int16_t"],
    [2, (b) => new Int16Array(b)],
  ],
  [
    ["uint", "unsigned int", "uint32", "uint32_t"],
    [4, (b) => new Uint32Array(b)],
  ],
  [
    ["int", "signed int", "int32", "int32_t"],
    [4, (b) => new Int32Array(b)],
  ],
  [["float"], [4, (b) => new Float32Array(b)]],
  [["double"], [8, (b) => Float32Array.from(new Float64Array(b))]],
];

function readVoxels(
  payload: Uint8Array,
  sizes: readonly number[],
  fields: ReadonlyMap<string, string>,
  field: (name: string) => string,
): PixelArray {
  const type = field("type").toLowerCase();
  const reader = sampleTypes.find(([names]) => names.includes(type))?.[1];
  if (reader === undefined) throw invalidNrrd(`its sample type "${type}" is not supported`);
  const [width, view] = reader;
  const needed = sizes.reduce((product, n) => product * n, width);
  const encoding = field("encoding").toLowerCase();
  let raw: Uint8Array;
  if (encoding === "raw") raw = payload;
  else if (encoding === "gzip" || encoding === "gz") raw = inflateGzip(payload);
  else throw invalidNrrd(`its encoding is "${encoding}"; raw and gzip are read`);
  if (raw.length < needed)
    throw invalidNrrd(`${sizes.join(" x ")} ${type} need ${needed} bytes, ${raw.length} are there`);
  if (Number(fields.get("byte skip") ?? fields.get("byteskip") ?? 0) === -1) raw = raw.subarray(raw.length - needed);
  const voxels = copyBytes(raw, 0, needed);
  if (width > 1 && field("endian").toLowerCase() === "big") {
    for (let at = 0; at < voxels.length; at += width) voxels.subarray(at, at + width).reverse();
  }
  return view(voxels.buffer);
}

/** NRRD escapes a newline as \n and a backslash as \\ in values of keys. */
function unescapeValue(value: string): string {
  return value.replace(/\\(n|\\)/g, (_, character: string) => (character === "n" ? "\n" : "\\"));
}

/** The `invalid-format` error of this format; `reason` continues "The NRRD file cannot be read:". */
function invalidNrrd(reason: string): RefineError {
  return new RefineError("invalid-format", `The NRRD file cannot be read: ${reason}.`, {
    hint: "Save it again as one attached NRRD file with raw or gzip encoding.",
  });
}
