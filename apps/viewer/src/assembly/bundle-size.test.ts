import { randomBytes } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { temporaryFolder } from "../testing/small-instances.ts";
import { describeBundle, measureBundle, requireSmallBundle } from "./bundle-size.ts";

it("weighs JavaScript alone, by who loads it, and refuses too much of our own", async () => {
  await using folder = await temporaryFolder();
  await mkdir(join(folder.path, "assets"));
  const write = (name: string, bytes: number) => writeFile(join(folder.path, name), randomBytes(bytes));
  await write("index.js", 40_000);
  await write("assets/engine.worker-abc.js", 60_000);
  await write("assets/ort.wasm.bundle.min-abc.js", 70_000);
  await write("assets/ort-wasm-simd-threaded-abc.mjs", 10_000);
  await write("assets/onnx-abc.js", 20_000);
  await write("assets/ort-wasm-simd-threaded-abc.wasm", 500_000);
  await write("index.js.map", 500_000);
  const size = await measureBundle(folder.path);
  expect(size.ownKilobytes).toBeCloseTo(100, 0);
  expect(size.runtimeKilobytes).toBeCloseTo(80, 0);
  expect(size.onDemandKilobytes).toBeCloseTo(20, 0);
  expect(describeBundle(size)).toMatch(/100\.\d kB of its own/);
  requireSmallBundle(size);
  await write("extension-abc.js", 160_000);
  expect(() => requireSmallBundle({ ...size, ownKilobytes: 260 })).toThrow(/260\.0 kB gzip; 250 kB are allowed/);
  expect((await measureBundle(folder.path)).ownKilobytes).toBeGreaterThan(250);
});

it("weighs a part by what leads to it: shared with the page it is everybody's, else it goes with those who ask", async () => {
  await using folder = await temporaryFolder();
  await mkdir(join(folder.path, "assets"));
  const write = (name: string, imports: readonly string[], bytes: number) =>
    writeFile(
      join(folder.path, name),
      Buffer.concat([Buffer.from(imports.map((path) => `import"${path}";`).join("")), randomBytes(bytes)]),
    );
  await write("index.js", ["./archive-client-abc.js", "./shared-abc.js", "./assets/seg.worker-abc.js"], 10_000);
  await write("archive-client-abc.js", ["./shared-abc.js", "./part10-abc.js", "./assets/dictionary-abc.js"], 20_000);
  await write("part10-abc.js", [], 30_000);
  await write("shared-abc.js", [], 1_000);
  await write("assets/seg.worker-abc.js", ["./dictionary-abc.js"], 40_000);
  await write("assets/dictionary-abc.js", [], 5_000);
  const { ownKilobytes, onDemandKilobytes } = await measureBundle(folder.path);
  expect(ownKilobytes).toBeCloseTo(56, 0);
  expect(onDemandKilobytes).toBeCloseTo(50, 0);
});
