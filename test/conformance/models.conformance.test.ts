// The ONNX files that are shipped, and those that training writes anew, judged by ONNX's own checker.
import { execFile } from "node:child_process";
import { globSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { adamW, buildTrainingStep, exportModel, parameterLayout, scbUnet, ssl4misUnet } from "@samrefine/training";
import { afterAll, describe, expect, test } from "vitest";
import { findInVenv } from "./judges.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const python = findInVenv("python");
if (python === undefined) console.warn("Skipped: no .venv-judges; run test/conformance/setup-judges.sh.");

const scratch = mkdtempSync(join(tmpdir(), "samrefine-models-"));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

async function complaints(files: readonly string[]): Promise<Readonly<Record<string, string | null>>> {
  const script = join(root, "test/conformance/check_models.py");
  return JSON.parse((await promisify(execFile)(python ?? "", [script, ...files])).stdout);
}

function written(name: string, bytes: Uint8Array): string {
  const file = join(scratch, name);
  writeFileSync(file, bytes);
  return file;
}

const networks = [scbUnet, ssl4misUnet].map((build) => build({ inputChannels: 3, outputChannels: 2, width: 4 }));

describe.skipIf(python === undefined)("onnx.checker", () => {
  test("accepts every shipped model", async () => {
    const files = globSync("models/*/model.onnx", { cwd: root }).map((file) => join(root, file));
    expect(files.length).toBeGreaterThan(3);
    expect(await complaints(files)).toEqual(Object.fromEntries(files.map((file) => [file, null])));
  });

  test.each(networks)("accepts what is exported of $id, and its training step", async (network) => {
    const values = new Float32Array(parameterLayout(network).length).fill(0.1);
    const { model } = buildTrainingStep({
      networks: [network],
      optimiser: adamW(),
      clipNorm: 1,
      keepAverage: true,
      buildLoss: ({ graph, student, input }) => {
        const logits = student(input("image", [2, 3, 32, 32]));
        return { total: graph.emit("ReduceMean", [logits], [], { keepdims: { int: 0 } }), terms: {} };
      },
    });
    const files = [
      written("exported.onnx", exportModel(network, values, { rows: 32, columns: 48, metadata: { licence: "none" } })),
      written("step.onnx", model),
    ];
    expect(await complaints(files)).toEqual(Object.fromEntries(files.map((file) => [file, null])));
  });

  test("names what is wrong with a damaged one", async () => {
    const [network] = networks;
    const values = new Float32Array(parameterLayout(network!).length);
    const bytes = exportModel(network!, values, { rows: 32, columns: 32 });
    // Operators that ONNX does not know.
    const damaged = Buffer.from(bytes).toString("latin1").replaceAll("LeakyRelu", "LeakyRelx");
    const file = written("damaged.onnx", Buffer.from(damaged, "latin1"));
    expect((await complaints([file]))[file]).toContain("LeakyRelx");
  });
});
