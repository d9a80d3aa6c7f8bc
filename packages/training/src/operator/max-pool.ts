import type { Graph, Tensor } from "../graph/graph.ts";
import { divide, equalMask, multiply, reshape, scale } from "../graph/primitives.ts";

/**
 * Maximum over 2 × 2 blocks, stride 2; rows and columns must be even.
 *
 * dx = dy / (number of pixels in the block that hold the maximum) at those pixels, 0 elsewhere. (PyTorch gives the whole
 * gradient to the first of several equal pixels; the sum over the block is the same.)
 *
 * @param x [N, C, rows, columns]
 */
export function maxPool(graph: Graph, x: Tensor): Tensor {
  const [count, channels, rows, columns] = x.shape as [number, number, number, number];
  const window = { kernel_shape: { ints: [2, 2] }, strides: { ints: [2, 2] } };
  const pooledShape = [count, channels, rows / 2, columns / 2];
  const y = graph.emit("MaxPool", [x], pooledShape, window);
  const blocks = [count, channels, rows / 2, 2, columns / 2, 2];
  const perBlock = [count, channels, rows / 2, 1, columns / 2, 1];
  return graph.record(y, [
    {
      input: x,
      gradient: (dy) => {
        const holdsMaximum = equalMask(graph, reshape(graph, x, blocks), reshape(graph, y, perBlock));
        const quarterOfTies = graph.emit("AveragePool", [reshape(graph, holdsMaximum, x.shape)], pooledShape, window);
        const share = scale(graph, divide(graph, dy, quarterOfTies), 0.25);
        return reshape(graph, multiply(graph, holdsMaximum, reshape(graph, share, perBlock)), x.shape);
      },
    },
  ]);
}
