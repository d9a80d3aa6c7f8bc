import { isRefineError } from "@samrefine/core";
import { buildModel } from "@samrefine/models/onnx";
import { expect, test } from "vitest";
import { createRawSession } from "./raw-session-node.ts";
import { webRawSessions } from "./raw-session-web.ts";

const doubling = buildModel({
  nodes: [{ op: "Add", inputs: ["x", "x"], outputs: ["y"] }],
  inputs: [{ name: "x", dataType: "float32", dims: ["N"] }],
  outputs: [{ name: "y", dataType: "float32", dims: ["N"] }],
  opset: 18,
});

test.each([
  ["native", createRawSession],
  ["WebAssembly", webRawSessions()],
] as const)("%s: runs a graph, feeds its output again and is disposed of twice", async (_, create) => {
  const session = await create(doubling, { threads: 1 });
  const once = await session.run({ x: { data: Float32Array.of(1, 2), dims: [2] } });
  const twice = await session.run({ x: once.y! });
  expect([...twice.y!.data]).toEqual([4, 8]);
  expect(twice.y!.dims).toEqual([2]);
  await session.dispose();
  await session.dispose();
  await expect(session.run({})).rejects.toSatisfy((error: unknown) => isRefineError(error, "disposed"));
});

test("a graph that cannot be loaded and a feed that does not fit are inference errors", async () => {
  await expect(createRawSession(Uint8Array.of(1, 2, 3))).rejects.toSatisfy((error: unknown) =>
    isRefineError(error, "inference"),
  );
  const session = await createRawSession(doubling);
  await expect(session.run({ x: { data: new Float32Array(4), dims: [2, 2] } })).rejects.toSatisfy(
    (error: unknown) => isRefineError(error, "inference") && `${error.details.feeds}` === "x float32 [2, 2]",
  );
  await session.dispose();
});

test.each([
  ["native", createRawSession],
  ["WebAssembly", webRawSessions()],
] as const)("%s: carries an output to the next run, hands it out and takes another", async (_, create) => {
  const session = await create(doubling, { carried: { x: "y" } });
  session.carry({ x: { data: Float32Array.of(1, 2), dims: [2] } });
  for (let run = 0; run < 3; run++) expect(await session.run({})).toEqual({});
  expect([...(await session.readCarried("x"))]).toEqual([8, 16]);
  await expect(session.run({ x: { data: new Float32Array(4), dims: [2, 2] } })).rejects.toSatisfy((error: unknown) =>
    isRefineError(error, "inference"),
  );
  expect([...(await session.readCarried("x"))]).toEqual([8, 16]);
  session.carry({ x: { data: Float32Array.of(5), dims: [1] } });
  await session.run({});
  expect([...(await session.readCarried("x"))]).toEqual([10]);
  await expect(session.readCarried("y")).rejects.toSatisfy((error: unknown) => isRefineError(error, "inference"));
  await session.dispose();
});

test("a provider that is not there falls back and says so", async () => {
  const session = await createRawSession(doubling, { provider: "webgpu" });
  const { provider, description } = session.backend;
  if (provider !== "webgpu") expect(description).toContain("WebGPU was asked for");
  const { y } = await session.run({ x: { data: Float32Array.of(3), dims: [1] } });
  expect([...y!.data]).toEqual([6]);
  await session.dispose();
});
