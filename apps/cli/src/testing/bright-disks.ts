import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { ImageGeometry, Volume } from "@samrefine/core";
import { writeNifti } from "@samrefine/formats";
import { buildModel } from "@samrefine/models/onnx";
import { encodeGreyPng } from "../dataset/write-case.ts";
import { writeTestModel } from "./write-test-model.ts";

/** Grid of the stand-in network. */
const grid = { rows: 48, columns: 64 };

/**
 * Writes a real, tiny network whose logit is 40 * (intensity / 255 - 0.5): it finds what is brighter than mid-grey.
 * Returns the path of its manifest.
 */
export async function writeThresholdModel(folder: string): Promise<string> {
  const shape = ["batch", 1, grid.rows, grid.columns];
  const model = buildModel({
    opset: 18,
    inputs: [{ name: "image", dataType: "float32", dims: shape }],
    outputs: [{ name: "logits", dataType: "float32", dims: shape }],
    initializers: [
      { name: "gain", dims: [], dataType: "float32", data: Float32Array.of(40) },
      { name: "offset", dims: [], dataType: "float32", data: Float32Array.of(-20) },
    ],
    nodes: [
      { op: "Mul", inputs: ["image", "gain"], outputs: ["scaled"] },
      { op: "Add", inputs: ["scaled", "offset"], outputs: ["logits"] },
    ],
  });
  return await writeTestModel(folder, {
    ...{ id: "threshold", version: "1.0.0", title: "Brighter than mid-grey", model, grid },
    labels: [{ label: "Disk", colorRgb: [255, 0, 0] }],
  });
}

interface Disk {
  readonly x: number;
  readonly y: number;
  readonly radius: number;
}

/** A data set of bright disks: 2D PNG or 3D NIfTI (5 slices, 1.5 x 1.5 x 4 mm), 1 labeled, 2 unlabeled, 3 val cases. */
export async function writeDiskDataset(folder: string, dimension: 2 | 3): Promise<void> {
  const ending = dimension === 2 ? ".png" : ".nii.gz";
  const ids = ["disk1", "disk2", "disk3", "disk4", "disk5", "disk6"];
  for (const part of ["imagesTr", "labelsTr"]) await mkdir(join(folder, part), { recursive: true });
  await writeFile(
    join(folder, "dataset.json"),
    JSON.stringify({ channel_names: { 0: "radiograph" }, labels: { background: 0, disk: 1 }, file_ending: ending }),
  );
  await writeFile(
    join(folder, "split.json"),
    JSON.stringify({ labeled: ids.slice(0, 1), unlabeled: ids.slice(1, 3), val: ids.slice(3) }),
  );
  for (const [index, id] of ids.entries()) {
    const geometry: ImageGeometry = { columns: 120 + 8 * index, rows: 90 };
    const disks = dimension === 2 ? [18] : [0, 12, 18, 12, 0];
    const slices = disks.map((radius) => drawDisk(geometry, { x: 50 + 3 * index, y: 45, radius }));
    await writeFile(join(folder, "imagesTr", `${id}_0000${ending}`), await encode(slices.map(brightness), geometry));
    await writeFile(join(folder, "labelsTr", `${id}${ending}`), await encode(slices, geometry));
  }
}

function drawDisk({ columns, rows }: ImageGeometry, { x, y, radius }: Disk): Uint8Array {
  const mask = new Uint8Array(columns * rows);
  for (let n = 0; n < mask.length; n++) {
    if (Math.hypot((n % columns) - x, Math.floor(n / columns) - y) < radius) mask[n] = 1;
  }
  return mask;
}

function brightness(mask: Uint8Array): Uint8Array {
  return mask.map((value, n) => (value === 1 ? 200 : 40) + ((n * 31) % 17));
}

async function encode(slices: readonly Uint8Array[], geometry: ImageGeometry): Promise<Uint8Array> {
  const { columns, rows } = geometry;
  if (slices.length === 1) return await encodeGreyPng(slices[0]!, geometry);
  const data = new Uint8Array(columns * rows * slices.length);
  for (const [k, slice] of slices.entries()) data.set(slice, k * columns * rows);
  const volume: Volume = {
    geometry: {
      size: [columns, rows, slices.length],
      indexToPatient: [1.5, 0, 0, 0, 0, 1.5, 0, 0, 0, 0, 4, 0, 0, 0, 0, 1],
    },
    data,
  };
  return writeNifti(volume);
}
