import { createRawSession } from "@samrefine/inference/node";
import { expect, test } from "vitest";
import { Graph } from "../graph/graph.ts";
import { expand, sumAll } from "../graph/primitives.ts";
import { dropChannels } from "./drop-channels.ts";

test("drops whole channels of the images from the given one on, in the gradient too", async () => {
  const shape = [3, 2, 1, 2];
  const graph = new Graph({ isTraining: true });
  const x = graph.track(graph.input("x", shape));
  const y = dropChannels(graph, x, { from: 2, probability: 0.5 });
  const [{ name, shape: maskShape } = { name: "", shape: [] }] = graph.randomMasks;
  expect(maskShape).toEqual([1, 2, 1, 1]);
  graph.output("y", y);
  const sum = graph.record(sumAll(graph, y), [{ input: y, gradient: (dy) => expand(graph, dy, shape) }]);
  graph.output("dx", graph.backward(sum).get(x.name)!);
  const session = await createRawSession(graph.toModel("drop-channels"));
  const data = Float32Array.from({ length: 12 }, (_, index) => index + 1);
  const feeds = { x: { data, dims: shape }, [name]: { data: Float32Array.of(0, 2), dims: maskShape } };
  const result = await session.run(feeds);
  expect([...result.y!.data]).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 22, 24]);
  expect([...result.dx!.data]).toEqual([1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 2, 2]);
  await session.dispose();
});

test("outside training nothing is dropped", () => {
  const graph = new Graph();
  const x = graph.input("x", [2, 1, 1, 1]);
  expect(dropChannels(graph, x, { from: 1, probability: 0.5 })).toBe(x);
});
