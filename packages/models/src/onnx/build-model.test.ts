import { describe, expect, test } from "vitest";
import { buildModel, type ModelSpec } from "./build-model.ts";
import { inspectModel } from "./inspect-model.ts";
import { decodeModel } from "./model-proto.ts";

const spec: ModelSpec = {
  opset: 18,
  metadata: { step: "3" },
  inputs: [{ name: "x", dataType: "float32", dims: ["N", 1, 4, 4] }],
  outputs: [{ name: "y", dataType: "float32", dims: ["N", 2, 4, 4] }],
  initializers: [
    { name: "w", dataType: "float32", dims: [2, 1, 3, 3], data: Float32Array.from({ length: 18 }, (_, i) => i - 9) },
    { name: "i", dataType: "int64", dims: [2], data: BigInt64Array.of(-1n, 9223372036854775807n) },
    { name: "b", dataType: "bool", dims: [2], data: Uint8Array.of(0, 1) },
  ],
  nodes: [
    {
      op: "Conv",
      inputs: ["x", "w"],
      outputs: ["c"],
      attributes: { kernel_shape: { ints: [3, 3] }, pads: { ints: [1, 1, 1, 1] }, group: { int: 1 } },
    },
    { op: "LeakyRelu", inputs: ["c"], outputs: ["l"], attributes: { alpha: { float: 0.25 } } },
    { op: "Gelu", domain: "com.microsoft", inputs: ["l"], outputs: ["y"], attributes: { note: { string: "tanh" } } },
  ],
};

describe("buildModel", () => {
  test("what is written is what inspectModel reads", () => {
    expect(inspectModel(buildModel(spec))).toEqual({
      inputs: [{ name: "x", dataType: "float32", dims: ["N", 1, 4, 4] }],
      outputs: [{ name: "y", dataType: "float32", dims: ["N", 2, 4, 4] }],
      nodes: 3,
      initializers: 3,
      opsets: { "": 18, "com.microsoft": 1 },
      producer: "samrefine",
      metadata: { step: "3" },
    });
  });

  test("attributes and constants keep kind and value", () => {
    const { graph } = decodeModel(buildModel(spec));
    const attributes = new Map(graph.node?.[0]?.attribute?.map((a) => [a.name, a]));
    expect(attributes.get("kernel_shape")?.ints?.map(Number)).toEqual([3, 3]);
    expect(attributes.get("kernel_shape")?.type).toBe(7);
    expect(Number(attributes.get("group")?.i)).toBe(1);
    expect(graph.node?.[1]?.attribute?.[0]).toMatchObject({ name: "alpha", type: 1, f: 0.25 });
    expect(new TextDecoder().decode(graph.node?.[2]?.attribute?.[0]?.s ?? undefined)).toBe("tanh");
    const raw = graph.initializer?.[1]?.rawData ?? new Uint8Array();
    expect([...new BigInt64Array(raw.slice().buffer)]).toEqual([-1n, 9223372036854775807n]);
  });

  test("a typed array that is a view writes its own part only", () => {
    const data = new Float32Array([1, 2, 3, 4]).subarray(1, 3);
    const bytes = buildModel({ ...spec, initializers: [{ name: "v", dataType: "float32", dims: [2], data }] });
    const raw = decodeModel(bytes).graph.initializer?.[0]?.rawData ?? new Uint8Array();
    expect([...new Float32Array(raw.slice().buffer)]).toEqual([2, 3]);
  });

  test("mistakes of the emitter are named", () => {
    const data = new Float32Array(3);
    expect(() =>
      buildModel({ ...spec, initializers: [{ name: "v", dataType: "float32", dims: [2, 2], data }] }),
    ).toThrow(/"v" has dims \[2, 2\], i\.e\. 4 elements, but 3/);
    expect(() => buildModel({ ...spec, initializers: [{ name: "x", dataType: "float32", dims: [3], data }] })).toThrow(
      /"x" is both/,
    );
  });

  test("bytes that are no model are refused with a code", () => {
    for (const bytes of [new Uint8Array(), new TextEncoder().encode("<!doctype html><html></html>")]) {
      expect(() => inspectModel(bytes, "a.onnx")).toThrow(expect.objectContaining({ code: "model-manifest" }));
    }
  });
});
