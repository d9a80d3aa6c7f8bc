import {
  type GridSize,
  type Image2D,
  type ImageGeometry,
  marginLogits,
  maskAbove,
  networkInput,
  RefineError,
  type Segment,
  type Segmenter,
  type SegmentStack,
  type SegmentTaskOptions,
} from "@samrefine/core";
import type { SegmentationManifest } from "@samrefine/models";
import { requireAlive } from "../engine/lifetime.ts";
import { float32Output, type ModelSession } from "../engine/model-session.ts";
import type { RunQueue } from "../engine/run-queue.ts";
import type { OnnxRuntime } from "../engine/runtime.ts";
import { fillDepth, planesAtDepth } from "./depth.ts";
import { cropPlanes, gridGeometry, networkGrid, padPlanes, padToWindow } from "./network-grid.ts";
import { activate, notANumber, requireNumbers } from "./probabilities.ts";
import { cutTile, planTiles, TileBlend, type Tiling } from "./tiles.ts";
import { fromView, meanOfViews, throughView, viewsOf } from "./views.ts";

export interface UnetParts {
  readonly manifest: SegmentationManifest;
  readonly digest: string;
  readonly session: ModelSession;
  readonly runtime: OnnxRuntime;
  readonly queue: RunQueue;
  readonly onDispose: () => void;
}

/** A U-Net of a manifest: to its grid, window by window where it has one, run, activate, threshold. */
export class UnetSegmenter implements Segmenter {
  readonly modelId: string;
  readonly digest: string;
  readonly #parts: UnetParts;
  #tiling: { readonly grid: GridSize; readonly plan: Tiling } | undefined;
  #disposed = false;

  constructor(parts: UnetParts) {
    this.#parts = parts;
    this.modelId = parts.manifest.id;
    this.digest = parts.digest;
  }

  /**
   * Segments of `sigmoid` models are where the probability exceeds 0.5 and may overlap; those of `softmax` models are where
   * the class is the most probable one, and carry by how much (`marginLogits`) beside it. With test-time augmentation the probabilities of all views are averaged,
   * and those of overlapping windows by the manifest's weights. `values: "logits"` is heeded by `sigmoid` models where one run
   * sees the whole image.
   *
   * @returns stack on the network's grid, which covers the extent of the image.
   * @throws RefineError `shape-mismatch` `invalid-geometry` `inference` `out-of-memory` `disposed`.
   */
  async segment(image: Image2D, options: SegmentTaskOptions): Promise<SegmentStack> {
    options.signal?.throwIfAborted();
    requireAlive(this.#disposed, `The U-Net ${this.modelId}`);
    const { manifest } = this.#parts;
    const { channels, rows, columns } = manifest.input;
    const window = { rows, columns };
    if (image.channels !== channels) {
      throw new RefineError(
        "shape-mismatch",
        `The model ${this.modelId} takes ${channels} channel(s) per pixel, but the image has ${image.channels}.`,
        {
          hint: "Choose another model, or give the neighbouring slices that a 2.5D model expects as channels.",
          details: { model: this.modelId, found: image.channels, expected: channels },
        },
      );
    }
    const place = padToWindow(networkGrid(image.geometry, manifest), window);
    const input = padPlanes(networkInput(image, options.intensity, place.grid), place);
    const tiling = this.#tilingOf(place.padded);
    const views = viewsOf(options.testTimeAugmentation ?? "none");
    const total = tiling.corners.length * views.length;
    const run = async (corner: Tiling["corners"][number], done: number): Promise<Float32Array> => {
      const tile = tiling.corners.length === 1 ? input : cutTile(input, place.padded, corner, window);
      const results: Float32Array[] = [];
      for (const [index, view] of views.entries()) {
        const probabilities = this.#activated(await this.#logits(throughView(tile, window, view), options));
        results.push(fromView(probabilities, window, view));
        options.onProgress?.({ stage: "Segmenting", completed: done + index + 1, total, unit: "batch" });
      }
      return meanOfViews(results, window, views);
    };
    const hasOneRun = tiling.corners.length === 1 && views.length === 1;
    if (options.values === "logits" && manifest.activation === "sigmoid" && hasOneRun) {
      const logits = await this.#logits(input, options);
      options.onProgress?.({ stage: "Segmenting", completed: 1, total, unit: "batch" });
      const geometry = gridGeometry(image.geometry, place.grid);
      return stackOfLogits(cropPlanes(logits, place), geometry, manifest, this.#parts.session.origin);
    }
    const [first, ...others] = tiling.corners;
    let probabilities = await run(first!, 0);
    if (others.length > 0) {
      const blend = new TileBlend(place.padded, tiling, channelCount(manifest));
      blend.add(probabilities, first!);
      for (const [index, corner] of others.entries()) blend.add(await run(corner, (index + 1) * views.length), corner);
      probabilities = blend.finish();
    }
    return stackOf(cropPlanes(probabilities, place), gridGeometry(image.geometry, place.grid), manifest);
  }

  async dispose(): Promise<void> {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#parts.onDispose();
    await this.#parts.queue.enqueue(() => this.#parts.session.release());
  }

  /** The slices of a series share a grid. */
  #tilingOf(grid: GridSize): Tiling {
    const { input, tiling = {} } = this.#parts.manifest;
    const { overlap = 0.5, blend = "gaussian" } = tiling;
    if (this.#tiling?.grid.rows !== grid.rows || this.#tiling.grid.columns !== grid.columns) {
      this.#tiling = { grid, plan: planTiles(grid, { rows: input.rows, columns: input.columns }, { overlap, blend }) };
    }
    return this.#tiling.plan;
  }

  #activated(logits: Float32Array): Float32Array {
    const { manifest, session } = this.#parts;
    requireNumbers(logits, session.origin);
    return activate(logits, manifest.input.rows * manifest.input.columns, manifest.activation);
  }

  /** One run. Planar [channel, row, column]; whether they are numbers is for the caller to see. */
  async #logits(input: Float32Array, options: SegmentTaskOptions): Promise<Float32Array> {
    const { manifest, session, runtime, queue } = this.#parts;
    const { rows, columns, channels, depth } = manifest.input;
    const plane = rows * columns;
    const fed = depth === undefined ? input : fillDepth(input, plane, depth);
    const dims = depth === undefined ? [1, channels, rows, columns] : [1, 1, depth, rows, columns];
    const outputs = await queue.enqueue(
      () => session.run({ [manifest.tensors.input]: runtime.tensor(fed, dims) }),
      options.signal,
    );
    options.signal?.throwIfAborted();
    const output = float32Output(
      outputs,
      manifest.tensors.output,
      [1, channelCount(manifest), ...dims.slice(2)],
      session.origin,
    );
    return depth === undefined ? output : planesAtDepth(output, plane, depth, channels >> 1);
  }
}

/** Channels of the output: one per label, and one for the background of a softmax model. */
function channelCount(manifest: SegmentationManifest): number {
  return manifest.labels.length + (manifest.activation === "softmax" ? 1 : 0);
}

function stackOf(probabilities: Float32Array, geometry: ImageGeometry, manifest: SegmentationManifest): SegmentStack {
  const plane = geometry.rows * geometry.columns;
  const isSoftmax = manifest.activation === "softmax";
  const margins = isSoftmax ? marginLogits(logarithms(probabilities, plane)) : undefined;
  const segments = manifest.labels.map(({ number }): Segment => {
    const channel = isSoftmax ? number : number - 1;
    const probability = probabilities.slice(channel * plane, (channel + 1) * plane);
    const logits = margins?.[number - 1];
    const mask = logits ? maskAbove(logits, geometry, 0) : maskAbove(probability, geometry, 0.5);
    return { number, probability, ...(logits && { logits }), mask };
  });
  return { geometry, segments };
}

/** Of independent classes; logits and masks are views of one buffer each, which cross between threads as two. */
function stackOfLogits(
  logits: Float32Array,
  geometry: ImageGeometry,
  manifest: SegmentationManifest,
  origin: string,
): SegmentStack {
  const plane = geometry.rows * geometry.columns;
  const masks = new Uint8Array(logits.length);
  for (let i = 0; i < masks.length; i++) {
    const value = logits[i]!;
    if (value > 0) masks[i] = 1;
    else if (Number.isNaN(value)) throw notANumber(origin);
  }
  const segments = manifest.labels.map(({ number }): Segment => {
    const [start, end] = [(number - 1) * plane, number * plane];
    return { number, logits: logits.subarray(start, end), mask: { geometry, data: masks.subarray(start, end) } };
  });
  return { geometry, segments };
}

/** One array per channel. The least float32 above 0 stands for 0, so that all are finite. */
function logarithms(probabilities: Float32Array, plane: number): readonly Float32Array[] {
  const values = probabilities.map((p) => Math.log(Math.max(p, 2 ** -149)));
  return Array.from({ length: values.length / plane }, (_, channel) =>
    values.subarray(channel * plane, (channel + 1) * plane),
  );
}
