import type { Graph, Tensor } from "../graph/graph.ts";
import { equalMask, multiply, reduceMax, reshape } from "../graph/primitives.ts";

/**
 * Maximum over 2 × 2 blocks, stride 2; rows and columns must be even.
 *
 * dx = dy at the pixel that held the maximum (the first of several equal ones, as in PyTorch), 0 elsewhere. With x
 * rearranged so that the four pixels of a block lie along an axis, those equal to the maximum are numbered 4, 3, 2, 1 in the
 * order of the block, and the one with the highest number gets the gradient. Not by the positions that MaxPool can hand out:
 * WebGPU has none.
 *
 * @param x [N, C, rows, columns]
 */
export function maxPool(graph: Graph, x: Tensor): Tensor {
  const [count, channels, rows, columns] = x.shape as [number, number, number, number];
  const pooled = [count, channels, rows / 2, columns / 2];
  const y = graph.emit("MaxPool", [x], pooled, {
    kernel_shape: { ints: [2, 2] },
    strides: { ints: [2, 2] },
  });
  const blockSize = { blocksize: { int: 2 } };
  const byBlock = [count, 4, channels, rows / 2, columns / 2];
  const stacked = [count, 4 * channels, rows / 2, columns / 2];
  const perBlock = (value: Tensor): Tensor => reshape(graph, value, [count, 1, channels, rows / 2, columns / 2]);
  return graph.record(y, [
    {
      input: x,
      gradient: (dy) => {
        const blocks = reshape(graph, graph.emit("SpaceToDepth", [x], stacked, blockSize), byBlock);
        const order = graph.constant(Float32Array.of(4, 3, 2, 1), [1, 4, 1, 1, 1]);
        const numbered = multiply(graph, equalMask(graph, blocks, perBlock(y)), order);
        const isFirst = equalMask(graph, numbered, reduceMax(graph, numbered, [1], true));
        const spread = reshape(graph, multiply(graph, isFirst, perBlock(dy)), stacked);
        return graph.emit("DepthToSpace", [spread], x.shape, blockSize);
      },
    },
  ]);
}
