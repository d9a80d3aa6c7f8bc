import { createRandom, isRefineError } from "@samrefine/core";
import { describe, expect, test } from "vitest";
import { type AugmentationSpec, augmentationProfiles } from "./augmentation.ts";
import { pixelWeightTensor, targetTensor } from "./batch.ts";
import type { PreparedCase } from "./prepared-case.ts";
import { augment, Sampler, type SamplerOptions } from "./sampler.ts";

const grid = { rows: 4, columns: 4 };
const options: SamplerOptions = { grid, channels: 1, augmentation: {}, foregroundShare: 1 };

/** A volume whose slice k has the grey value k and, at the given slices, one pixel of a label. */
function volume(id: string, depth: number, labelled: Readonly<Record<number, number>> = {}): PreparedCase {
  return {
    id,
    slices: Array.from({ length: depth }, (_, k) => {
      const labels = new Uint8Array(16);
      labels[5] = labelled[k] ?? 0;
      return { image: new Float32Array(16).fill(k), labels };
    }),
  };
}

const draw = (sampler: Sampler, count: number) => Array.from({ length: count }, (_, index) => sampler.sample(index));

describe("Sampler", () => {
  test("every case comes once per round", () => {
    const sampler = new Sampler(
      ["a", "b", "c"].map((id) => volume(id, 1)),
      createRandom(1),
      options,
    );
    const ids = draw(sampler, 12).map(({ caseId }) => caseId);
    for (let round = 0; round < 4; round++) expect(new Set(ids.slice(round * 3, round * 3 + 3)).size).toBe(3);
  });

  test("a sample depends on its number alone, in whatever order they are drawn", () => {
    const make = () =>
      new Sampler([volume("a", 9, { 3: 1 }), volume("b", 9, { 4: 1 })], createRandom(2), {
        ...options,
        foregroundShare: 0.5,
        augmentation: augmentationProfiles.volume,
      });
    const forward = draw(make(), 6);
    const backward = make();
    for (let index = 5; index >= 0; index--) expect(backward.sample(index)).toEqual(forward[index]);
  });

  test("samples of a volume are drawn from slices with a label, each label as often", () => {
    const sampler = new Sampler([volume("a", 20, { 3: 1, 4: 1, 5: 1, 11: 2 })], createRandom(3), options);
    const slices = draw(sampler, 200).map(({ slice }) => slice);
    expect([...new Set(slices)].toSorted((a, b) => a - b)).toEqual([3, 4, 5, 11]);
    const rare = slices.filter((slice) => slice === 11).length;
    expect(rare).toBeGreaterThan(70);
    expect(rare).toBeLessThan(130);
  });

  test("a share of 0, or a volume without labels, draws from all slices", () => {
    const anywhere = new Sampler([volume("a", 6, { 2: 1 })], createRandom(4), { ...options, foregroundShare: 0 });
    expect(new Set(draw(anywhere, 100).map(({ slice }) => slice)).size).toBe(6);
    const empty = new Sampler([volume("a", 6)], createRandom(4), options);
    expect(new Set(draw(empty, 100).map(({ slice }) => slice)).size).toBe(6);
  });

  test("neighbouring slices are channels in ascending order, edges repeated", () => {
    const sampler = new Sampler([volume("a", 3, { 0: 1 })], createRandom(5), { ...options, channels: 3 });
    expect(sampler.sample(0).planes.map((plane) => plane[0])).toEqual([0, 0, 1]);
  });

  test("needs a case", () => {
    expect(() => new Sampler([], createRandom(1), options)).toThrow(
      expect.toSatisfy((error: unknown) => isRefineError(error, "dataset")),
    );
  });
});

describe("framing", () => {
  const grid = { rows: 16, columns: 16 };
  const bright = Float32Array.from({ length: 256 }, (_, pixel) => 2 + Math.sin(pixel));
  const halved = { scale: { smallest: 0.5, largest: 0.5 } };
  const framed = (augmentation: AugmentationSpec, seed: number) =>
    augment([bright], undefined, { augmentation, grid }, createRandom(seed)).planes[0]!;

  test("a smaller image has mean 0 and deviation 1 again where that is asked for", () => {
    const plain = framed({ ...halved, outside: "darkest" }, 1);
    const standardised = framed({ ...halved, outside: "darkest", standardise: true }, 1);
    const mean = (values: Float32Array) => values.reduce((sum, value) => sum + value, 0) / values.length;
    const deviation = Math.sqrt(mean(plain.map((value) => (value - mean(plain)) ** 2)));
    expect(mean(standardised)).toBeCloseTo(0, 5);
    for (const [i, value] of standardised.entries())
      expect(value).toBeCloseTo((plain[i]! - mean(plain)) / deviation, 4);
  });

  test("any: zero, the edge and the darkest value each lie outside of some samples", () => {
    const corners = Array.from({ length: 30 }, (_, seed) => framed({ ...halved, outside: "any" }, seed)[0]!.toFixed(4));
    const outside = [0, bright[0]!, Math.min(...bright)].map((value) => value.toFixed(4));
    expect(new Set(corners)).toEqual(new Set(outside));
  });
});

test("quarter turns of a grid that is not square are refused", () => {
  const wide = { ...options, grid: { rows: 4, columns: 8 }, augmentation: augmentationProfiles.ssl4mis };
  expect(() => new Sampler([volume("a", 1)], createRandom(1), wide)).toThrow(
    expect.toSatisfy((error: unknown) => isRefineError(error, "configuration") && /4 x 8/.test(error.message)),
  );
});

describe("batches", () => {
  const sample = {
    caseId: "a",
    slice: 0,
    planes: [new Float32Array(4)],
    labels: Uint8Array.of(0, 1, 2, 9),
  };
  const small = { rows: 2, columns: 2 };

  test("a target has one binary channel per label and none for the ignore label", () => {
    const choice = targetTensor([sample], 2, small, "softmax");
    expect(choice.dims).toEqual([1, 3, small.rows, small.columns]);
    // Every pixel is one of background and labels.
    const plane = small.rows * small.columns;
    for (let pixel = 0; pixel < plane; pixel++) {
      expect(choice.data[pixel]! + choice.data[plane + pixel]! + choice.data[2 * plane + pixel]!).toBe(1);
    }
    const { data, dims } = targetTensor([sample], 2, small, "sigmoid");
    expect(dims).toEqual([1, 2, 2, 2]);
    expect([...data]).toEqual([0, 1, 0, 0, 0, 0, 1, 0]);
  });

  test("pixel weights: the case's weight, 0 at the ignore label", () => {
    const other = { ...sample, caseId: "b" };
    const { data, dims } = pixelWeightTensor([sample, other], 9, new Map([["b", 0.5]]), small);
    expect(dims).toEqual([2, 1, 2, 2]);
    expect([...data]).toEqual([1, 1, 1, 0, 0.5, 0.5, 0.5, 0]);
  });
});
