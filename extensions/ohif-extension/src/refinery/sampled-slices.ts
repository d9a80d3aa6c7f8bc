import type { Image2D, IntensityTransform } from "@samrefine/core";
import { networkSlice } from "@samrefine/inference";
import type { SegmentationManifest } from "@samrefine/models";

/** {@link networkSlice}, once per slice for one network and intensity: a slice is a neighbour of several others. */
export class SampledSlices {
  readonly #sampled = new WeakMap<Image2D, { readonly key: string; readonly image: Image2D }>();

  readonly sample: typeof networkSlice = (
    slice: Image2D,
    manifest: SegmentationManifest,
    intensity: IntensityTransform,
  ): Image2D => {
    const { lower, upper, subtract, multiply } = intensity;
    const key = [manifest.id, lower, upper, subtract, multiply].join();
    const known = this.#sampled.get(slice);
    if (known?.key === key) return known.image;
    const image = networkSlice(slice, manifest, intensity);
    this.#sampled.set(slice, { key, image });
    return image;
  };
}
