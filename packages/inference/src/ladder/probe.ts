import {
  type Image2D,
  type PromptableSegmenter,
  resolveIntensity,
  type Segmenter,
  type TaskOptions,
} from "@samrefine/core";
import type { SegmentationManifest } from "@samrefine/models";

/** What a back end answered to the fixed question, as probabilities, and how long the second asking took. */
export interface ProbeAnswer {
  readonly values: Float32Array;
  readonly milliseconds: number;
}

const side = 256;
const grid = { rows: 64, columns: 64 };
/** Enough to tell two answers apart, few enough to be remembered. */
const mostValues = 4096;

/**
 * A bright disk with a soft border on uneven ground. The corner pixel carries `nonce`, so that no cache answers for the
 * encoder that is to be timed.
 */
function probeImage(channels: number, nonce: number): Image2D {
  const data = new Uint8Array(side * side * channels);
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      const inside = 1 / (1 + Math.exp((Math.hypot(x - 118, y - 134) - 60) / 2));
      const value = 50 + ((x * 7 + y * 3) % 32) + 130 * inside;
      for (let c = 0; c < channels; c++) data[(y * side + x) * channels + c] = value;
    }
  }
  data[0] = nonce % 256;
  return { geometry: { rows: side, columns: side, spacingMm: { x: 1, y: 1 } }, channels, data };
}

/** @param warm ask once before the one that counts: a GPU compiles its shaders during the first. */
export async function probePromptable(
  segmenter: PromptableSegmenter,
  options: TaskOptions & { readonly warm: boolean; readonly nonce: number },
): Promise<ProbeAnswer> {
  const { signal, warm, nonce } = options;
  const ask = async (seed: number): Promise<Float32Array> => {
    const image = probeImage(1, seed);
    const embedding = await segmenter.encode(image, { displayRange: { lower: 0, upper: 255 }, signal });
    try {
      const geometry = image.geometry;
      const box = { xMin: 56, yMin: 72, xMax: 180, yMax: 196 };
      const points = [{ x: 118, y: 134, label: "foreground" as const }];
      const prompt = segmenter.capabilities.box ? { segment: 1, geometry, box } : { segment: 1, geometry, points };
      // Twice: in the second run a decoder may be given what it made of the image in its first.
      const decode = () => segmenter.decode(embedding, [prompt], { outputGeometry: grid, signal });
      const logits = [...(await decode()), ...(await decode())].flatMap((candidate) => [...candidate.logits.data]);
      return Float32Array.from(logits, (logit) => 1 / (1 + Math.exp(-logit)));
    } finally {
      await embedding.dispose();
    }
  };
  return timed(ask, warm, nonce);
}

export async function probeSegmenter(
  segmenter: Segmenter,
  manifest: SegmentationManifest,
  options: TaskOptions & { readonly warm: boolean; readonly nonce: number },
): Promise<ProbeAnswer> {
  const { signal, warm, nonce } = options;
  const ask = async (seed: number): Promise<Float32Array> => {
    const image = probeImage(manifest.input.channels, seed);
    const intensity = resolveIntensity(manifest.intensity, [image.data]);
    const stack = await segmenter.segment(image, { intensity, signal });
    const planes = stack.segments.map(({ probability }) => probability ?? new Float32Array());
    const step = Math.max(1, Math.ceil(planes.reduce((sum, plane) => sum + plane.length, 0) / mostValues));
    return Float32Array.from(planes.flatMap((plane) => [...plane].filter((_, i) => i % step === 0)));
  };
  return timed(ask, warm, nonce);
}

async function timed(
  ask: (nonce: number) => Promise<Float32Array>,
  warm: boolean,
  nonce: number,
): Promise<ProbeAnswer> {
  if (warm) await ask(nonce + 1);
  const start = performance.now();
  const values = await ask(nonce);
  return { values, milliseconds: performance.now() - start };
}

/** Part of the values at which two answers agree within a tenth; 0 when one is not a number or of another length. */
export function agreement(a: Float32Array, b: Float32Array): number {
  if (a.length !== b.length || a.length === 0) return 0;
  let same = 0;
  for (let i = 0; i < a.length; i++) {
    const difference = Math.abs(a[i]! - b[i]!);
    if (Number.isNaN(difference)) return 0;
    if (difference <= 0.1) same++;
  }
  return same / a.length;
}
