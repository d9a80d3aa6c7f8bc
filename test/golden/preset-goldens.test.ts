import { readFileSync } from "node:fs";
import { presetPlan, refinementPresets } from "@samrefine/core";
import { expect, test } from "vitest";
import { type PresetRun, runPreset } from "./preset-runs.ts";

const goldens = JSON.parse(readFileSync(new URL("core/presets.json", import.meta.url), "utf8")) as Record<
  string,
  PresetRun
>;

test("every preset has a golden run", () => {
  expect(Object.keys(goldens)).toEqual([...refinementPresets.keys()]);
});

test.each(Object.entries(goldens))("%s asks and makes what it did", async (id, golden) => {
  expect(await runPreset(presetPlan(id))).toEqual(golden);
});
