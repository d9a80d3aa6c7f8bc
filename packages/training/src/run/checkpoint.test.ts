import { isRefineError } from "@samrefine/core";
import { describe, expect, test } from "vitest";
import { type Checkpoint, decodeCheckpoint, encodeCheckpoint, requireSameRun } from "./checkpoint.ts";
import { defaultConfiguration, parseConfiguration } from "./configuration.ts";

const checkpoint: Checkpoint = {
  configuration: defaultConfiguration,
  networkId: "net",
  step: 7,
  history: { losses: [1, 0.5], validations: [{ step: 5, meanDice: 0.8, perLabel: [0.8, null] }] },
  vectors: { parameters: Float32Array.of(1, -0, 1e-40), empty: new Float32Array(0), best: Float32Array.of(3) },
};

describe("checkpoint", () => {
  test("comes back bit for bit", () => {
    expect(decodeCheckpoint(encodeCheckpoint(checkpoint))).toEqual(checkpoint);
  });

  test("comes back from a view into a larger buffer, as Node reads files", () => {
    const file = Buffer.concat([Buffer.from("abc"), encodeCheckpoint(checkpoint)]).subarray(3);
    expect(decodeCheckpoint(file)).toEqual(checkpoint);
  });

  test("every truncation is noticed", () => {
    const bytes = encodeCheckpoint(checkpoint);
    for (const length of [0, 10, 30, bytes.length - 4]) {
      expect(() => decodeCheckpoint(bytes.subarray(0, length))).toThrow(
        expect.toSatisfy((error: unknown) => isRefineError(error, "training")),
      );
    }
  });

  test("fits only its own network and configuration", () => {
    expect(() => requireSameRun(checkpoint, "net", defaultConfiguration)).not.toThrow();
    expect(() => requireSameRun(checkpoint, "other", defaultConfiguration)).toThrow(/another network/);
    expect(() => requireSameRun(checkpoint, "net", { ...defaultConfiguration, steps: 1 })).toThrow(/steps = 600/);
  });
});

describe("parseConfiguration", () => {
  test("the defaults are valid", () => {
    expect(parseConfiguration(defaultConfiguration)).toEqual(defaultConfiguration);
  });

  test.each([
    [{ ...defaultConfiguration, channels: 2 }, "channels"],
    [{ ...defaultConfiguration, steps: 0 }, "steps"],
    [{ ...defaultConfiguration, grid: { rows: 1.5, columns: 2 } }, "grid.rows"],
    [{ ...defaultConfiguration, surprise: 1 }, "surprise"],
  ])("names what is wrong: %#", (value, path) => {
    expect(() => parseConfiguration(value)).toThrow(
      expect.toSatisfy((error: unknown) => isRefineError(error, "configuration") && error.details.path === path),
    );
  });
});
