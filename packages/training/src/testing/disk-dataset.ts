import {
  createRandom,
  type DatasetCase,
  type DatasetLabels,
  type DatasetSource,
  type SplitName,
} from "@samrefine/core";
import type { RunStore } from "../run/checkpoint.ts";

/**
 * A data set of noisy images of one bright disk each, size × size, made on demand: the smallest task that a U-Net has to
 * learn rather than guess.
 */
export function diskDataset({ size = 32, labeled = 8, val = 4, depth = 1 } = {}): DatasetSource {
  const split: Record<SplitName, readonly string[]> = {
    labeled: names("labeled", labeled),
    unlabeled: names("unlabeled", 8),
    val: names("val", val),
    test: [],
  };
  return {
    name: "disks",
    labels: [{ name: "disk", value: 1 }],
    ignoreLabel: undefined,
    channelName: "noise",
    dimension: depth === 1 ? 2 : 3,
    caseIds: (name) => split[name],
    readCase: async (id) => draw(id, size, depth).image,
    readLabels: async (id) => draw(id, size, depth).labels,
  };
}

/** A run's files in memory. */
export function memoryStore(): RunStore & { readonly files: Map<string, Uint8Array> } {
  const files = new Map<string, Uint8Array>();
  return {
    files,
    async write(name, bytes) {
      files.set(name, bytes.slice());
    },
    async read(name) {
      return files.get(name);
    },
  };
}

function names(kind: string, count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => `${kind}${index}`);
}

function draw(
  id: string,
  size: number,
  depth: number,
): { readonly image: DatasetCase; readonly labels: DatasetLabels } {
  const random = createRandom(5).fork(id);
  const radius = size * (0.15 + 0.15 * random.next());
  const x = size * (0.3 + 0.4 * random.next());
  const y = size * (0.3 + 0.4 * random.next());
  const geometry = { columns: size, rows: size };
  const labels = Array.from({ length: depth }, (_, k) => {
    const inside = depth === 1 || (k > 0 && k < depth - 1);
    return Uint8Array.from({ length: size * size }, (_, pixel) => {
      const distance = Math.hypot((pixel % size) - x, Math.floor(pixel / size) - y);
      return inside && distance < radius ? 1 : 0;
    });
  });
  return {
    image: {
      id,
      geometry: { size: [size, size, depth], indexToPatient: [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1] },
      hasSpacing: false,
      slices: labels.map((slice) => ({
        geometry,
        channels: 1,
        data: Float32Array.from(slice, (value) => 100 + 60 * value + 30 * random.normal()),
      })),
    },
    labels: { id, slices: labels },
  };
}
