import { RefineError, type Volume } from "@samrefine/core";
import { strToU8 } from "fflate";
import { deflateGzip } from "../gzip.ts";

/**
 * Writes a scalar volume as NRRD (gzip, LPS, little endian).
 * @throws RefineError `shape-mismatch` when the voxels do not fill the geometry.
 */
export function writeNrrd({ geometry, data }: Volume): Uint8Array {
  const voxels = geometry.size[0] * geometry.size[1] * geometry.size[2];
  if (data.length !== voxels) {
    throw new RefineError(
      "shape-mismatch",
      `${geometry.size.join(" x ")} needs ${voxels} voxels, ${data.length} are given.`,
    );
  }
  const m = geometry.indexToPatient;
  const vector = (column: number): string => `(${[0, 1, 2].map((row) => m[4 * row + column]! + 0).join(",")})`;
  const header = [
    "NRRD0004",
    `type: ${sampleTypeNames[data.constructor.name]}`,
    "dimension: 3",
    "space: left-posterior-superior",
    `sizes: ${geometry.size.join(" ")}`,
    `space directions: ${vector(0)} ${vector(1)} ${vector(2)}`,
    "kinds: domain domain domain",
    "endian: little",
    "encoding: gzip",
    `space origin: ${vector(3)}`,
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

const sampleTypeNames: Readonly<Record<string, string>> = {
  Uint8Array: "unsigned char",
  Int8Array: "signed char",
  Uint16Array: "unsigned short",
  Int16Array: "short",
  Uint32Array: "unsigned int",
  Int32Array: "int",
  Float32Array: "float",
};
