import type { Graph, Tensor } from "../graph/graph.ts";

/**
 * Maximum over 2 × 2 blocks, stride 2; rows and columns must be even.
 *
 * dx = dy at the pixel that held the maximum (the first of several equal ones, as in PyTorch), 0 elsewhere. While recording,
 * the pooling hands out the positions, and MaxUnpool puts the gradient back there.
 *
 * @param x [N, C, rows, columns]
 */
export function maxPool(graph: Graph, x: Tensor): Tensor {
  const [count, channels, rows, columns] = x.shape as [number, number, number, number];
  const window = { kernel_shape: { ints: [2, 2] }, strides: { ints: [2, 2] } };
  const pooled = [count, channels, rows / 2, columns / 2];
  if (!graph.isRecording) return graph.emit("MaxPool", [x], pooled, window);
  const [y, positions] = graph.emitMany("MaxPool", [x], [pooled, pooled], window) as [Tensor, Tensor];
  return graph.record(y, [
    {
      input: x,
      gradient: (dy) => graph.emit("MaxUnpool", [dy, positions, graph.integers(x.shape)], x.shape, window),
    },
  ]);
}
