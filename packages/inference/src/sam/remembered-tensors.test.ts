import { Tensor } from "onnxruntime-common";
import { describe, expect, test } from "vitest";
import type { OnnxRuntime } from "../engine/runtime.ts";
import { RememberedTensors } from "./remembered-tensors.ts";

const runtime = {
  tensor: (data: Float32Array, dims: readonly number[]) => new Tensor("float32", data, dims),
} as unknown as OnnxRuntime;
const wanted = [
  { input: "places", output: "made_places", axes: 3 },
  { input: "keys", output: "made_keys", axes: 4 },
];
/** A tensor that says whether it was disposed of. */
function watched(values: number, axes: number): { readonly tensor: Tensor; readonly isAlive: () => boolean } {
  const tensor = new Tensor("float32", new Float32Array(values), [...new Array<number>(axes - 1).fill(1), values]);
  let alive = true;
  const dispose = tensor.dispose.bind(tensor);
  tensor.dispose = () => {
    alive = false;
    dispose();
  };
  return { tensor, isAlive: () => alive };
}

describe("RememberedTensors", () => {
  test("says that nothing was made, with as many axes as an input has", () => {
    const feeds = new RememberedTensors(runtime, wanted).feeds();
    expect(Object.entries(feeds).map(([name, { dims }]) => [name, dims])).toEqual([
      ["places", [1, 1, 1]],
      ["keys", [1, 1, 1, 1]],
    ]);
  });

  test("gives to the next run what one has made, and frees what says that nothing was made", () => {
    const memory = new RememberedTensors(runtime, wanted);
    const [places, keys] = [watched(5, 3), watched(7, 4)];
    memory.keep({ made_places: places.tensor, made_keys: keys.tensor, masks: watched(9, 4).tensor });
    expect(memory.feeds()).toEqual({ places: places.tensor, keys: keys.tensor });
    const [nothing, nothingElse] = [watched(1, 3), watched(1, 4)];
    memory.keep({ made_places: nothing.tensor, made_keys: nothingElse.tensor });
    expect([nothing.isAlive(), nothingElse.isAlive()]).toEqual([false, false]);
    expect(memory.feeds().places).toBe(places.tensor);
    memory.dispose();
    expect([places.isAlive(), keys.isAlive()]).toEqual([false, false]);
    expect(memory.feeds().places?.dims).toEqual([1, 1, 1]);
  });

  test("frees what was made before when it is made again, and leaves the other outputs alone", () => {
    const memory = new RememberedTensors(runtime, wanted);
    const before = [watched(5, 3), watched(7, 4)] as const;
    memory.keep({ made_places: before[0].tensor, made_keys: before[1].tensor });
    const masks = watched(9, 4);
    memory.keep({ made_places: watched(5, 3).tensor, made_keys: watched(7, 4).tensor, masks: masks.tensor });
    expect([...before, masks].map(({ isAlive }) => isAlive())).toEqual([false, false, true]);
  });

  test("of a graph without memory nothing is asked", () => {
    const memory = new RememberedTensors(runtime, []);
    memory.keep({ masks: watched(9, 4).tensor });
    expect(memory.feeds()).toEqual({});
  });
});
