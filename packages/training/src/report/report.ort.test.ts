import { isRefineError } from "@samrefine/core";
import { createRawSession } from "@samrefine/inference/node";
import { sha256Hex } from "@samrefine/models";
import { inspectModel } from "@samrefine/models/onnx";
import { beforeAll, describe, expect, test } from "vitest";
import { defaultConfiguration } from "../run/configuration.ts";
import { type TrainingResult, train } from "../run/train.ts";
import { diskDataset, memoryStore } from "../testing/disk-dataset.ts";
import { curvesSvg } from "./curves.ts";
import { parseModelDescription } from "./description.ts";
import { modelCard } from "./model-card.ts";
import { trainedModelManifest } from "./model-package.ts";

const dataset = diskDataset();
const description = parseModelDescription(
  { id: "disks", title: "Disks", limits: ["Only disks."], appliesTo: [{ modalities: ["OT"] }] },
  "test",
);
let result: TrainingResult;

beforeAll(async () => {
  result = await train({
    dataset,
    createSession: createRawSession,
    modelMetadata: { licence: "CC0" },
    store: memoryStore(),
    configuration: {
      ...defaultConfiguration,
      steps: 4,
      grid: { rows: 32, columns: 32 },
      network: { kind: "scb-unet", width: 2, levels: 2 },
      validation: { every: 2, cases: 2 },
    },
  });
});

describe("a trained model", () => {
  test("runs at any batch size under the names of its manifest", async () => {
    const manifest = await trainedModelManifest(result, dataset, description);
    const session = await createRawSession(result.model);
    const { rows, columns, channels } = manifest.input;
    const data = new Float32Array(3 * channels * rows * columns);
    const output = await session.run({ [manifest.tensors.input]: { data, dims: [3, channels, rows, columns] } });
    expect(output[manifest.tensors.output]!.dims).toEqual([3, 1, rows, columns]);
    await session.dispose();
  });

  test("its manifest names size and digest of the very bytes, and codes every label", async () => {
    const manifest = await trainedModelManifest(result, dataset, description);
    expect(manifest.files[0]).toMatchObject({ bytes: result.model.length, sha256: await sha256Hex(result.model) });
    expect(manifest.labels).toMatchObject([
      { number: 1, label: "disk", type: { scheme: "99SAMREFINE", value: "DISK" } },
    ]);
  });

  test("a description of a label that is not there is refused", async () => {
    const wrong = { ...description, labels: [{ name: "square" }] };
    await expect(trainedModelManifest(result, dataset, wrong)).rejects.toSatisfy((error: unknown) =>
      isRefineError(error, "configuration"),
    );
  });

  test("its file carries the architecture and what the caller adds", () => {
    expect(inspectModel(result.model).metadata).toMatchObject({ architecture: result.network.id, licence: "CC0" });
  });

  test("its card states the measured Dice, the cases, the limits and the purpose", async () => {
    const manifest = await trainedModelManifest(result, dataset, description);
    const card = modelCard({ result, dataset, description, manifest, command: "samrefine train" });
    expect(card).toContain("Research use only");
    expect(card).toContain(`| disk | ${result.final!.meanDice.toFixed(3)} |`);
    expect(card).toContain("labeled0, labeled1");
    expect(card).toContain("- Only disks.");
  });

  test("its curves hold one point per validation and no number that is not finite", () => {
    const svg = curvesSvg(result.history, "a < b");
    expect(svg.match(/<circle/g)).toHaveLength(2);
    expect(svg).toContain("a &lt; b");
    expect(svg).not.toMatch(/NaN|Infinity/);
    expect(curvesSvg({ losses: [], validations: [] }, "empty")).not.toMatch(/NaN|Infinity/);
  });
});

test("an unknown field of a description is named", () => {
  expect(() => parseModelDescription({ id: "a", colour: 1 }, "x.json")).toThrow(/x\.json is not valid at colour/);
});
