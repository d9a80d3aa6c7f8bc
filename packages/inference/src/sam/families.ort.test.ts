import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { BoxPrompt, Image2D, PointPrompt, Prompt } from "@samrefine/core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createNodeEngine, type InferenceEngine } from "../node.ts";
import {
  type TinyFamily,
  tinyChannelWeights,
  tinyGain,
  tinyLowRes,
  writeTinyFamily,
} from "../testing/tiny-families.ts";

// Every family's interface as a tiny graph whose logits can be computed by hand; 48 x 96 pixels in a frame of 64.
const geometry = { rows: 48, columns: 96 };
const grey = 200;
const image: Image2D = { geometry, channels: 1, data: new Uint8Array(48 * 96).fill(grey) };
const displayRange = { lower: 0, upper: 255 };
const foreground: PointPrompt = { x: 30, y: 24, label: "foreground" };
const background: PointPrompt = { x: 60, y: 12, label: "background" };
const box: BoxPrompt = { xMin: 12, yMin: 6, xMax: 48, yMax: 36 };

let folder: string;
let engine: InferenceEngine;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "samrefine-families-"));
  engine = await createNodeEngine({ threads: 1 });
});

afterAll(async () => {
  await engine?.dispose();
  await rm(folder, { recursive: true, force: true });
});

/** The encoder's answer to a grey value where the image lies. */
function embedded(value: number): number {
  const [mean, deviation] = [
    [10, 20, 30],
    [100, 50, 25],
  ];
  return tinyChannelWeights.reduce((sum, weight, c) => sum + (weight * (value - mean![c]!)) / deviation![c]!, 0);
}

/** What a tiny decoder adds to its embeddings for these points in frame pixels, with the codes of methods.md 6.1. */
function asked(points: readonly (readonly [x: number, y: number, code: number])[]): number {
  return points.reduce((sum, [x, y, code]) => sum + (x + 2 * y) / 64 + code / 10, 0);
}

const letterboxed = { x: 64 / 96, y: 32 / 48, rows: 8 };
const stretched = { x: 64 / 96, y: 64 / 48, rows: tinyLowRes };

interface Case {
  readonly family: TinyFamily;
  readonly frame: { readonly x: number; readonly y: number; readonly rows: number };
  readonly prompt: Pick<Prompt, "points" | "box">;
  /** Beyond the embeddings, at the token that is chosen. */
  readonly expected: (frame: { readonly x: number; readonly y: number }) => number;
  readonly token: number;
}

const at = ({ x, y }: { readonly x: number; readonly y: number }, px: number, py: number, code: number) =>
  [px * x, py * y, code] as const;

const cases: readonly Case[] = [
  {
    family: "sam-cut",
    frame: letterboxed,
    prompt: { points: [foreground, background] },
    // The caller pads, token 0 answers two clicks.
    expected: (f) => asked([at(f, 30, 24, 1), at(f, 60, 12, 0), [0, 0, -1]]),
    token: 0,
  },
  {
    family: "sam-cut-interleaved",
    frame: letterboxed,
    prompt: { box },
    expected: (f) => asked([at(f, 12, 6, 2), at(f, 48, 36, 3)]),
    token: 0,
  },
  {
    family: "transformers-sam",
    frame: letterboxed,
    prompt: { points: [foreground, background] },
    // The graph pads; of the three tokens the third claims most.
    expected: (f) => asked([at(f, 30, 24, 1), at(f, 60, 12, 0)]) + 2,
    token: 3,
  },
  {
    family: "sam2",
    frame: stretched,
    prompt: { points: [foreground], box },
    expected: (f) => asked([at(f, 30, 24, 1), at(f, 12, 6, 2), at(f, 48, 36, 3)]) + 2,
    token: 3,
  },
  {
    family: "sam2",
    frame: stretched,
    prompt: { points: [foreground] },
    // The graph pads.
    expected: (f) => asked([at(f, 30, 24, 1)]) + 2,
    token: 3,
  },
  {
    family: "transformers-sam2",
    frame: stretched,
    prompt: { points: [foreground], box },
    expected: (f) => asked([at(f, 30, 24, 1)]) + (12 * f.x + 6 * f.y + 48 * f.x + 36 * f.y) / 100 + 2,
    token: 3,
  },
  {
    family: "transformers-sam2",
    frame: stretched,
    prompt: { box },
    expected: (f) => (12 * f.x + 6 * f.y + 48 * f.x + 36 * f.y) / 100 + 2,
    token: 3,
  },
  {
    family: "efficient-sam",
    frame: stretched,
    prompt: { points: [foreground], box },
    // Coordinates in the pixels of the size that is fed, which is the low-resolution one.
    expected: (f) =>
      asked(
        [at(f, 30, 24, 1), at(f, 12, 6, 2), at(f, 48, 36, 3)].map(([x, y, code]) => [x / 4, y / 4, code] as const),
      ) +
      32 / 100 +
      2,
    token: 3,
  },
];

describe("every family is asked in its own words", () => {
  test.each(cases)("$family: $prompt", async ({ family, frame, prompt, expected, token }) => {
    const { manifest, manifestPath } = await writeTinyFamily(join(folder, family), family);
    const sam = await engine.loadPromptable(manifest, manifestPath);
    const embedding = await sam.encode(image, { displayRange });
    const [candidate] = await sam.decode(embedding, [{ segment: 1, geometry, ...prompt }]);
    const { data } = candidate!.lowResLogits;
    const logit = embedded(grey) * tinyGain(family) + expected(frame);
    expect(data[0]).toBeCloseTo(logit, 3);
    expect(data[(frame.rows - 1) * tinyLowRes + tinyLowRes - 1]).toBeCloseTo(logit, 3);
    if (frame.rows < tinyLowRes) expect(data[frame.rows * tinyLowRes]).toBeCloseTo(expected(frame), 3);
    expect(candidate!.token).toBe(token);
    expect(candidate!.mask.geometry).toEqual(geometry);
    expect(candidate!.logits.data.length).toBe(48 * 96);
    expect(candidate!.logits.data[48 * 48]).toBeCloseTo(logit, 3);
    await sam.dispose();
  });

  test.each(["sam-cut", "transformers-sam", "transformers-sam2", "efficient-sam"] as const)(
    "%s: prompts that share a run get each its own answer",
    async (family) => {
      const { manifest, manifestPath } = await writeTinyFamily(join(folder, `${family}-batch`), family);
      const sam = await engine.loadPromptable(manifest, manifestPath);
      const embedding = await sam.encode(image, { displayRange });
      const prompts = [10, 20, 50].map((x): Prompt => ({ segment: 1, geometry, points: [{ ...foreground, x }] }));
      const together = await sam.decode(embedding, prompts);
      for (const [i, prompt] of prompts.entries()) {
        const [alone] = await sam.decode(embedding, [prompt]);
        expect(together[i]!.lowResLogits.data).toEqual(alone!.lowResLogits.data);
      }
      expect(together[0]!.lowResLogits.data[0]).not.toBeCloseTo(together[2]!.lowResLogits.data[0]!, 2);
      await sam.dispose();
    },
  );
});

test("of several prompts each has its own object score, where the graph gives one", async () => {
  const prompts = [10, 50].map((x): Prompt => ({ segment: 1, geometry, points: [{ ...foreground, x }] }));
  const scoresOf = async (family: TinyFamily): Promise<readonly (number | undefined)[]> => {
    const { manifest, manifestPath } = await writeTinyFamily(join(folder, `${family}-score`), family);
    const sam = await engine.loadPromptable(manifest, manifestPath);
    const candidates = await sam.decode(await sam.encode(image, { displayRange }), prompts);
    await sam.dispose();
    return candidates.map(({ objectScore }) => objectScore);
  };
  const scores = await scoresOf("transformers-sam2");
  for (const [i, x] of [10, 50].entries()) expect(scores[i]).toBeCloseTo(asked([at(stretched, x, 24, 1)]), 4);
  expect(await scoresOf("transformers-sam")).toEqual([undefined, undefined]);
});

describe("capabilities are declared, and what is missing is refused", () => {
  // The matrix of methods.md 6.5.
  test.each([
    ["sam-cut", { box: true, backgroundPoints: true, maskInput: true, singleMaskToken: true }],
    ["transformers-sam", { box: false, backgroundPoints: true, maskInput: false, singleMaskToken: false }],
    ["sam2", { box: true, backgroundPoints: true, maskInput: true, singleMaskToken: false }],
    ["transformers-sam2", { box: true, backgroundPoints: true, maskInput: false, singleMaskToken: false }],
    ["efficient-sam", { box: true, backgroundPoints: false, maskInput: false, singleMaskToken: false }],
  ] as const)("%s", async (family, capabilities) => {
    const { manifest, manifestPath } = await writeTinyFamily(join(folder, `${family}-able`), family);
    const sam = await engine.loadPromptable(manifest, manifestPath);
    expect(sam.capabilities).toMatchObject(capabilities);
    const embedding = await sam.encode(image, { displayRange });
    const lowRes = { width: tinyLowRes, height: tinyLowRes, data: new Float32Array(tinyLowRes ** 2) };
    const wishes = [
      ["box", { box }],
      ["backgroundPoints", { points: [background] }],
      ["maskInput", { points: [foreground], maskInput: lowRes }],
    ] as const;
    for (const [capability, wish] of wishes) {
      const answer = sam.decode(embedding, [{ segment: 1, geometry, ...wish }]);
      if (capabilities[capability]) await expect(answer).resolves.toHaveLength(1);
      else await expect(answer).rejects.toMatchObject({ code: "missing-capability", details: { capability } });
    }
    await sam.dispose();
  });

  test("EfficientSAM takes at most six points", async () => {
    const { manifest, manifestPath } = await writeTinyFamily(join(folder, "six"), "efficient-sam");
    const sam = await engine.loadPromptable(manifest, manifestPath);
    const embedding = await sam.encode(image, { displayRange });
    const points = new Array<PointPrompt>(5).fill(foreground);
    await expect(sam.decode(embedding, [{ segment: 1, geometry, points, box }])).rejects.toMatchObject({
      code: "configuration",
      details: { found: 7, most: 6 },
    });
    await expect(sam.decode(embedding, [{ segment: 1, geometry, points }])).resolves.toHaveLength(1);
  });

  test("a graph of another family than the manifest says is named", async () => {
    const { manifestPath } = await writeTinyFamily(join(folder, "other"), "sam2");
    const { manifest } = await writeTinyFamily(join(folder, "other-manifest"), "transformers-sam2");
    const { manifest: sam2 } = await writeTinyFamily(join(folder, "other"), "sam2");
    // The encoder of one family under the manifest of another fails first, by its own names.
    await expect(engine.loadPromptable({ ...manifest, files: sam2.files }, manifestPath)).rejects.toMatchObject({
      code: "shape-mismatch",
      details: { expected: ["pixel_values"] },
    });
    const cut = await writeTinyFamily(join(folder, "cut"), "sam-cut");
    const foreign = {
      ...cut.manifest,
      files: [cut.manifest.files[0]!, { ...sam2.files[1]!, url: "../other/decoder.onnx" }],
    };
    await expect(engine.loadPromptable(foreign, cut.manifestPath)).rejects.toMatchObject({
      code: "shape-mismatch",
      hint: expect.stringContaining('family "sam2"'),
    });
  });
});

describe("MedSAM's conventions (methods.md 6.4)", () => {
  test("stretched, min-max to [0, 1], boxes only, probabilities interpolated", async () => {
    const { manifest, manifestPath } = await writeTinyFamily(join(folder, "medsam"), "sam-cut", {
      fit: "stretch",
      contrast: "min-max",
      interpolate: "probabilities",
      prompts: ["box"],
    });
    const unit = { ...manifest, mean: [0, 0, 0], standardDeviation: [255, 255, 255] } as typeof manifest;
    const sam = await engine.loadPromptable(unit, manifestPath);
    expect(sam.capabilities).toMatchObject({ box: true, backgroundPoints: false, maskInput: false });
    const halves = { ...image, data: Uint8Array.from({ length: 48 * 96 }, (_, i) => (i % 96 < 48 ? 50 : 150)) };
    const embedding = await sam.encode(halves, { displayRange });
    const [candidate] = await sam.decode(embedding, [{ segment: 1, geometry, box }]);
    const { data } = candidate!.lowResLogits;
    const prompt = asked([at(stretched, 12, 6, 2), at(stretched, 48, 36, 3)]);
    const weight = tinyChannelWeights.reduce((sum, value) => sum + value, 0);
    expect(data[0]).toBeCloseTo(prompt, 4);
    expect(data[tinyLowRes - 1]).toBeCloseTo(prompt + weight, 4);
    expect(data[tinyLowRes * tinyLowRes - 1]).toBeCloseTo(prompt + weight, 4);
    // The mask's logits are those of the interpolated probability.
    expect(candidate!.logits.data[0]).toBeCloseTo(prompt, 2);
    await expect(sam.decode(embedding, [{ segment: 1, geometry, points: [foreground], box }])).rejects.toMatchObject({
      code: "missing-capability",
      details: { capability: "points" },
    });
  });
});
