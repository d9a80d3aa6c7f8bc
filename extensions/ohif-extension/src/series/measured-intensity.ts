import type { IntensityPolicy, IntensityTransform } from "@samrefine/core";
import type { RefineryClient } from "../refinery/client.ts";
import type { DecodedFrame } from "./modality-image.ts";
import type { SeriesSource } from "./series-source.ts";

/** Frames that are on their way to the worker at once, in bytes of their pixels. */
const BATCH_BYTES = 16 * 1024 * 1024;

export interface MeasureOptions {
  readonly signal: AbortSignal;
  /** Slices that were read. */
  readonly onProgress: (slices: number) => void;
}

/**
 * The intensity transforms of series, for policies that look at the whole volume: those need every slice once before the first
 * one is segmented. A series is measured once per policy.
 */
export class MeasuredIntensities {
  readonly #known = new WeakMap<SeriesSource, Map<string, IntensityTransform>>();

  /** @returns undefined for a policy that is resolved slice by slice. */
  async of(
    series: SeriesSource,
    policy: IntensityPolicy,
    client: RefineryClient,
    options: MeasureOptions,
  ): Promise<IntensityTransform | undefined> {
    if (policy.kind !== "percentiles" || policy.scope !== "volume") return undefined;
    const known = this.#known.get(series) ?? new Map<string, IntensityTransform>();
    this.#known.set(series, known);
    const key = JSON.stringify(policy);
    const transform = known.get(key) ?? (await measure(series, policy, client, options));
    known.set(key, transform);
    return transform;
  }
}

async function measure(
  series: SeriesSource,
  policy: IntensityPolicy,
  client: RefineryClient,
  { signal, onProgress }: MeasureOptions,
): Promise<IntensityTransform> {
  await client.request("beginMeasure", policy, { signal });
  let batch: DecodedFrame[] = [];
  let bytes = 0;
  // One batch is read while the one before it is taken in.
  let taken: Promise<unknown> = Promise.resolve();
  for (let slice = 0; slice < series.sliceCount; slice++) {
    const frame = await series.frame(slice, signal);
    batch.push(frame);
    bytes += frame.data.byteLength;
    if (bytes < BATCH_BYTES && slice + 1 < series.sliceCount) continue;
    await taken;
    taken = client.request("addToMeasure", batch, { signal });
    [batch, bytes] = [[], 0];
    onProgress(slice + 1);
  }
  await taken;
  return client.request("finishMeasure", undefined, { signal });
}
