import type { BackendChoice } from "@samrefine/inference";
import { expect, test } from "vitest";
import {
  applyBackendPreference,
  type BackendPreference,
  mustMove,
  readBackendPreference,
  writeBackendPreference,
} from "./backend-preference.ts";

const choice = (modelId: string, backend: string, decidedBy: BackendChoice["decidedBy"]): BackendChoice => ({
  modelId,
  backend,
  decidedBy,
  results: [],
  report: { provider: "wasm", threads: 1, description: backend, onnxruntimeVersion: "1" },
});
const proven = choice("proven", "webgpu", "preflight");
const refused = choice("refused", "wasm-threads", "preflight");
const chosen = choice("chosen", "wasm-threads", "user");

const cases: readonly [BackendPreference, readonly string[]][] = [
  ["automatic", ["chosen to auto"]],
  ["webgpu", ["refused to webgpu", "chosen to webgpu"]],
  ["wasm", ["proven to wasm-threads", "refused to wasm-threads"]],
];
test.each(cases)("%s moves only what is elsewhere, or not by a person's word", async (preference, expected) => {
  const moves: string[] = [];
  const engine = {
    rungs: ["webgpu", "wasm-threads"],
    choices: () => [proven, refused, chosen],
    choose: async (modelId: string, backend: string) => void moves.push(`${modelId} to ${backend}`),
  };
  await applyBackendPreference(engine, preference);
  expect(moves).toEqual(expected);
  expect(mustMove(preference, engine.choices())).toBe(true);
  expect(mustMove(preference, [])).toBe(false);
});

test("what is kept comes back; anything else is automatic", () => {
  const kept = new Map<string, string>();
  const storage = {
    getItem: (key: string) => kept.get(key) ?? null,
    setItem: (key: string, value: string) => void kept.set(key, value),
  };
  expect(readBackendPreference(storage)).toBe("automatic");
  writeBackendPreference("wasm", storage);
  expect(readBackendPreference(storage)).toBe("wasm");
  for (const key of kept.keys()) kept.set(key, "cuda");
  expect(readBackendPreference(storage)).toBe("automatic");
});
