import { expect, test } from "vitest";
import { Graph } from "./graph.ts";

test("the peak counts inputs throughout, and every other value from its node to its last use", () => {
  const graph = new Graph();
  const x = graph.input("x", [10]);
  const kept = graph.emit("Relu", [x], [10]);
  const wide = graph.emit("Expand", [x], [100]);
  const short = graph.emit("ReduceSum", [wide], [10]);
  graph.emit("Add", [short, kept], [10]);
  // x, kept, wide and short: at the last node, wide is gone.
  expect(graph.peakBytes).toBe(4 * (10 + 10 + 100 + 10));
});

test("values that follow each other do not add up", () => {
  const graph = new Graph();
  let value = graph.input("x", [1]);
  for (let n = 0; n < 20; n++) value = graph.emit("Neg", [value], [100]);
  expect(graph.peakBytes).toBe(4 * (1 + 200));
});
