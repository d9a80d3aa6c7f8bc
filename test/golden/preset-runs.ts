import { createHash } from "node:crypto";
import {
  type Image2D,
  type ImageEmbedding,
  type ImageGeometry,
  type MaskCandidate,
  type MaskChoice,
  maskArea,
  type Prompt,
  type PromptableSegmenter,
  type RefinementPlan,
  type RefinementResult,
  refine,
  refineVolume,
  type Segment,
  type SegmentStack,
  sigmoid,
  type VolumeSlice,
  type VolumeToRefine,
  wholePatch,
} from "@samrefine/core";

/** What a plan did with the drawn case, in JSON. Coordinates are rounded to 1e-3, estimates to 1e-6. */
export interface PresetRun {
  /** One per question to SAM, in order; a pass of all classes is one question. */
  readonly asked: readonly AskedPrompts[];
  /** Of plans that show SAM a part of the image: columns and rows of everything that was encoded, in order. */
  readonly encoded?: readonly (readonly [columns: number, rows: number])[];
  /** One for an image; one per slice, ascending, for a volume. */
  readonly results: readonly RunResult[];
  /** SHA-256 of all masks, slices and classes in order. */
  readonly masks: string;
}

interface AskedPrompts {
  readonly maskChoice: MaskChoice | undefined;
  readonly prompts: readonly {
    readonly segment: number;
    readonly foreground: readonly (readonly number[])[];
    readonly background: readonly (readonly number[])[];
    readonly box: readonly number[] | null;
    /** `low-res`: SAM's own logits of the pass before; `dense`: a map of the network. */
    readonly maskInput: "none" | "low-res" | "dense";
  }[];
}

interface RunResult {
  /** Pixels per class. */
  readonly areas: readonly number[];
  /** Per class. */
  readonly outcomes: readonly string[];
  readonly propagated?: readonly number[];
  readonly stopped?: readonly string[];
  readonly ignored?: number;
}

const DISPLAY_RANGE = { lower: 0, upper: 255 };

/** Runs a plan on the drawn image, or on the drawn volume if it has a volume rule, and records what it asked and made. */
export async function runPreset(plan: RefinementPlan): Promise<PresetRun> {
  const asked: AskedPrompts[] = [];
  const encoded: [number, number][] = [];
  const segmenter = drawnSegmenter(asked, encoded);
  const digest = createHash("sha256");
  const options = { displayRange: DISPLAY_RANGE };
  const results: RunResult[] = [];
  if (plan.volume === undefined) {
    const { image, initial } = plan.encode === undefined ? DRAWN_IMAGE : drawnSlice(LARGE_IMAGE, IMAGE_OBJECTS);
    const result = await refine(image, initial, plan, segmenter, options);
    hashMasks(digest, result);
    results.push(summaryOf(result));
  } else {
    const slices: VolumeSlice[] = [];
    for await (const slice of refineVolume(DRAWN_VOLUME, plan, segmenter, options)) slices.push(slice);
    for (const { result, propagated, stopped } of slices.toSorted((a, b) => a.k - b.k)) {
      hashMasks(digest, result);
      const ends = [...stopped].map(([number, reason]) => `${number} ${reason}`);
      results.push({ ...summaryOf(result), propagated, stopped: ends });
    }
  }
  return { asked, ...(plan.encode && { encoded }), results, masks: digest.digest("hex") };
}

function hashMasks(digest: ReturnType<typeof createHash>, { stack }: RefinementResult): void {
  for (const { mask } of stack.segments) digest.update(mask.data);
}

function summaryOf({ stack, outcomes, ignore }: RefinementResult): RunResult {
  return {
    areas: stack.segments.map(({ mask }) => maskArea(mask)),
    outcomes: [...outcomes].map(([number, outcome]) => {
      if (outcome.kind === "absent") return `${number} absent`;
      const { kind, quality, accepted } = outcome;
      const what = kind === "refined" ? kind : `${kind}, ${outcome.reason}`;
      const estimate = `${quality.method} ${round(quality.value, 1e-6)}`;
      return `${number} ${what}, ${estimate}, ${accepted ? "accepted" : "not accepted"}`;
    }),
    ...(ignore && { ignored: maskArea(ignore) }),
  };
}

const round = (value: number, step: number): number => Number((Math.round(value / step) * step).toFixed(6));

/** An ellipse as the network sees it: `peak` in its middle, half of it on its border. Coordinates are shares of the image. */
interface DrawnObject {
  readonly segment: number;
  readonly x: number;
  readonly y: number;
  readonly radiusX: number;
  readonly radiusY: number;
  readonly peak: number;
  /** Cut out of the class instead of added to it. */
  readonly isHole?: true;
}

/** The image is wider than high and the network's grid is square, so that a confusion of the two shows. */
const IMAGE = {
  image: { columns: 120, rows: 90 },
  grid: { columns: 96, rows: 96 },
  segments: [1, 2, 3, 4],
};

/** Large enough for crops around its objects: a crop has 128 pixels at least and is no more than 70 % of the image. */
const LARGE_IMAGE = { ...IMAGE, image: { columns: 480, rows: 360 } };

/** Two objects and a hole, one that overlaps the first, a speck below every least area, and a class that is not there. */
const IMAGE_OBJECTS: readonly DrawnObject[] = [
  { segment: 1, x: 0.32, y: 0.4, radiusX: 0.18, radiusY: 0.22, peak: 0.99 },
  { segment: 1, x: 0.3, y: 0.42, radiusX: 0.05, radiusY: 0.05, peak: 0.99, isHole: true },
  { segment: 1, x: 0.8, y: 0.2, radiusX: 0.07, radiusY: 0.09, peak: 0.9995 },
  { segment: 2, x: 0.52, y: 0.52, radiusX: 0.12, radiusY: 0.16, peak: 0.97 },
  { segment: 3, x: 0.75, y: 0.75, radiusX: 0.11, radiusY: 0.1, peak: 0.999 },
  { segment: 3, x: 0.1, y: 0.9, radiusX: 0.016, radiusY: 0.016, peak: 0.99 },
];

const VOLUME = { image: { columns: 20, rows: 20 }, grid: { columns: 16, rows: 16 }, segments: [1, 2] };
const VOLUME_SLICES = 6;

/** Class 1 tapers towards both ends and is overlooked on slice 3; class 2 is seen on two slices. */
function volumeObjects(k: number): DrawnObject[] {
  const radius = 0.28 - 0.04 * Math.abs(k - 2);
  const first: DrawnObject = { segment: 1, x: 0.35, y: 0.5, radiusX: radius, radiusY: radius, peak: 0.97 };
  const second: DrawnObject = { segment: 2, x: 0.8, y: 0.7, radiusX: 0.14, radiusY: 0.2, peak: 0.95 };
  return [...(k === 3 ? [] : [first]), ...(k === 1 || k === 2 ? [second] : [])];
}

function drawnSlice(
  { image, grid, segments }: typeof IMAGE,
  objects: readonly DrawnObject[],
): { readonly image: Image2D; readonly initial: SegmentStack } {
  const probabilityAt = (segment: number, x: number, y: number): number =>
    objects
      .filter((object) => object.segment === segment)
      .reduce((found, object) => {
        const radius = Math.hypot((x - object.x) / object.radiusX, (y - object.y) / object.radiusY);
        const p = object.peak * sigmoid(8 * (1 - radius));
        return object.isHole === true ? Math.min(found, 1 - p) : Math.max(found, p);
      }, 0.001);
  const draw = ({ columns, rows }: ImageGeometry, valueAt: (x: number, y: number, i: number) => number): number[] =>
    Array.from({ length: columns * rows }, (_, i) =>
      valueAt(((i % columns) + 0.5) / columns, (Math.floor(i / columns) + 0.5) / rows, i),
    );
  const initial = segments.map((number): Segment => {
    const probability = Float32Array.from(draw(grid, (x, y) => probabilityAt(number, x, y)));
    return {
      number,
      probability,
      mask: { geometry: grid, data: Uint8Array.from(probability, (p) => Number(p > 0.5)) },
    };
  });
  // A little off the proposal, so that whoever looks at the image has something to correct.
  const grey = draw(image, (x, y, i) => {
    const inside = Math.max(...segments.map((number) => probabilityAt(number, x - 0.05, y + 0.02)));
    return 60 + 120 * inside + ((i * 7) % 16);
  });
  return {
    image: { geometry: image, channels: 1, data: Uint8Array.from(grey, Math.round) },
    initial: { geometry: grid, segments: initial },
  };
}

const DRAWN_IMAGE = drawnSlice(IMAGE, IMAGE_OBJECTS);
const DRAWN_SLICES = Array.from({ length: VOLUME_SLICES }, (_, k) => drawnSlice(VOLUME, volumeObjects(k)));
const DRAWN_VOLUME: VolumeToRefine = {
  slices: DRAWN_SLICES.map(({ image }) => image),
  initial: DRAWN_SLICES.map(({ initial }) => initial),
  spacing: [1, 1, 2],
};

/** How far from a point the answer is moved by it, in pixels of the image. */
const POINT_REACH = 12;

/**
 * A promptable segmenter without weights whose answer depends on the image and on every part of the prompt: bright pixels, near
 * foreground points, inside the box, where the mask prompt is positive. It records every question in `asked` and the size of
 * every image in `encoded`.
 */
function drawnSegmenter(asked: AskedPrompts[], encoded: [number, number][]): PromptableSegmenter {
  const images = new WeakMap<ImageEmbedding, Image2D>();
  return {
    modelId: "drawn",
    digest: "0".repeat(64),
    capabilities: { box: true, backgroundPoints: true, maskInput: true, singleMaskToken: true, batch: true },
    async encode(image) {
      encoded.push([image.geometry.columns, image.geometry.rows]);
      const embedding: ImageEmbedding = { geometry: image.geometry, origin: "encoded", async dispose() {} };
      images.set(embedding, image);
      return embedding;
    },
    async decode(embedding, prompts, options) {
      asked.push({ maskChoice: options?.maskChoice, prompts: prompts.map(recordOf) });
      const image = images.get(embedding);
      if (image === undefined) throw new Error("asked about an image that was not encoded");
      const output = options?.outputGeometry ?? image.geometry;
      return prompts.map((prompt) => answer(image, prompt, output, options?.maskChoice === "bestOf3" ? 1 : 0));
    },
    async dispose() {},
  };
}

function recordOf({ segment, points = [], box, maskInput }: Prompt): AskedPrompts["prompts"][number] {
  const ofLabel = (wanted: string): number[][] =>
    points.filter(({ label }) => label === wanted).map(({ x, y }) => [round(x, 1e-3), round(y, 1e-3)]);
  return {
    segment,
    foreground: ofLabel("foreground"),
    background: ofLabel("background"),
    box: box === undefined ? null : [box.xMin, box.yMin, box.xMax, box.yMax].map((value) => round(value, 1e-3)),
    maskInput: maskInput === undefined ? "none" : "geometry" in maskInput ? "dense" : "low-res",
  };
}

const LOW_RES: ImageGeometry = { columns: 32, rows: 32 };

function answer(image: Image2D, prompt: Prompt, output: ImageGeometry, token: 0 | 1): MaskCandidate {
  const logits = Float32Array.from({ length: output.columns * output.rows }, (_, i) =>
    logitAt(image, prompt, (i % output.columns) / output.columns, Math.floor(i / output.columns) / output.rows, token),
  );
  const lowRes = Float32Array.from({ length: LOW_RES.columns * LOW_RES.rows }, (_, i) =>
    logitAt(
      image,
      prompt,
      (i % LOW_RES.columns) / LOW_RES.columns,
      Math.floor(i / LOW_RES.columns) / LOW_RES.rows,
      token,
    ),
  );
  return {
    logits: wholePatch(logits, output),
    mask: { geometry: output, data: Uint8Array.from(logits, (value) => Number(value > 0)) },
    lowResLogits: { width: LOW_RES.columns, height: LOW_RES.rows, data: lowRes },
    predictedIou: token === 0 ? 0.9 : 0.85,
    token,
  };
}

/** @param x, y shares of the image's extent. */
function logitAt(image: Image2D, prompt: Prompt, x: number, y: number, token: 0 | 1): number {
  const { points = [], box, maskInput, geometry } = prompt;
  const { columns, rows } = image.geometry;
  const grey = sample(image.data, image.geometry, x, y);
  let logit = (grey - 120) / 20 + token / 2;
  const [px, py] = [x * geometry.columns, y * geometry.rows];
  if (box !== undefined) {
    const isInside = px >= box.xMin && px <= box.xMax + 1 && py >= box.yMin && py <= box.yMax + 1;
    logit += isInside ? 1 : -8;
  }
  for (const point of points) {
    const distance = Math.hypot(((px - point.x) * columns) / geometry.columns, ((py - point.y) * rows) / geometry.rows);
    const weight = Math.max(0, 1 - distance / POINT_REACH);
    logit += point.label === "foreground" ? 4 * weight : -6 * weight;
  }
  if (maskInput !== undefined) {
    const grid = "geometry" in maskInput ? maskInput.geometry : { columns: maskInput.width, rows: maskInput.height };
    logit += 0.5 * sample(maskInput.data, grid, x, y);
  }
  return logit;
}

function sample(data: ArrayLike<number>, { columns, rows }: ImageGeometry, x: number, y: number): number {
  return data[Math.floor(y * rows) * columns + Math.floor(x * columns)] ?? Number.NaN;
}
