// One side of bench/kernels.ts: answers every line on stdin with milliseconds of processor time, peak memory above input and output in bytes
// per voxel, and a number that the other side must find too.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import {
  averageSymmetricSurfaceDistance,
  distanceTransform3D,
  hausdorff95,
  labelComponents3D,
  measureSurfaceDistances,
  morphMask,
  type VolumeSize,
} from "@samrefine/core";

const { values } = parseArgs({
  options: { kernel: { type: "string" }, folder: { type: "string" }, size: { type: "string" } },
});
const size = values.size!.split("x").map(Number) as unknown as VolumeSize;
const spacing = [0.8, 0.8, 1.5] as const;
const [columns, rows, slices] = size;
const plane = columns * rows;
const load = (name: string): Uint8Array => new Uint8Array(readFileSync(join(values.folder!, `${name}.raw`)));
const mask = load("reference");
const prediction = values.kernel === "surface" ? load("prediction") : undefined;

/** Result and the bytes that it takes itself. */
interface Outcome {
  readonly value: number;
  readonly bytes: number;
}

function labelled(connectivity: 6 | 26): Outcome {
  const { labels, count } = labelComponents3D(mask, size, connectivity);
  return { value: count, bytes: labels.byteLength };
}

const kernels: Readonly<Record<string, () => Outcome>> = {
  "components-6": () => labelled(6),
  "components-26": () => labelled(26),
  "distance-transform": () => {
    const distance = distanceTransform3D(mask, size, spacing);
    let largest = 0;
    for (const value of distance) if (value > largest) largest = value;
    return { value: largest, bytes: distance.byteLength };
  },
  surface: () => {
    const distances = measureSurfaceDistances(mask, prediction!, size, spacing)!;
    // The mean is computed as well, but not compared: MedPy averages both directions together, we average their means.
    if (!(averageSymmetricSurfaceDistance(distances) > 0)) throw new Error("The borders are equal.");
    return { value: hausdorff95(distances), bytes: 0 };
  },
  "dilation-disk-8": () => {
    const result = new Uint8Array(mask.length);
    let area = 0;
    for (let k = 0; k < slices; k++) {
      const slice = { geometry: { columns, rows }, data: mask.subarray(k * plane, (k + 1) * plane) };
      const { data } = morphMask(slice, "dilate", "disk", 8);
      result.set(data, k * plane);
    }
    for (const value of result) area += value;
    return { value: area, bytes: result.byteLength };
  },
};

const before = process.memoryUsage.rss();
for await (const _ of createInterface({ input: process.stdin })) {
  const started = process.cpuUsage();
  const { value, bytes } = kernels[values.kernel!]!();
  const { user, system } = process.cpuUsage(started);
  const milliseconds = (user + system) / 1000;
  const above = (process.resourceUsage().maxRSS * 1024 - before - bytes) / mask.length;
  process.stdout.write(`${milliseconds} ${above} ${value}\n`);
}
