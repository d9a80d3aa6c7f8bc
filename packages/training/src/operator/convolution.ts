import type { Graph, Shape, Tensor } from "../graph/graph.ts";
import { concatenate, matmul, pad, reduceSum, reshape, slice, transpose } from "../graph/primitives.ts";

/**
 * Convolution with an odd square kernel, stride 1, zero padding that keeps rows and columns.
 *
 * y[n, o] = b[o] + Σ_c w[o, c] ⋆ x[n, c]
 *
 * - dx = dy ⋆ flip(w)ᵀ: the same convolution with input and output channels swapped and the taps reversed.
 * - dw[o, c, i, j] = Σ_n Σ_yx dy[n, o, y, x] · x[n, c, y + i - p, x + j - p]: one matrix product per tap.
 * - db = Σ_n,y,x dy
 *
 * @param x [N, in, rows, columns]
 * @param weight [out, in, k, k], k odd
 * @param bias [out], optional
 */
export function convolution(graph: Graph, x: Tensor, weight: Tensor, bias?: Tensor): Tensor {
  const [outputs, , kernel] = weight.shape as [number, number, number, number];
  const [count, , rows, columns] = x.shape as [number, number, number, number];
  const y = graph.emit("Conv", bias ? [x, weight, bias] : [x, weight], [count, outputs, rows, columns], {
    kernel_shape: { ints: [kernel, kernel] },
    pads: { ints: Array<number>(4).fill(kernel >> 1) },
  });
  return graph.record(y, [
    { input: x, gradient: (dy) => inputGradient(graph, dy, weight) },
    { input: weight, gradient: (dy) => weightGradient(graph, x, dy, weight.shape) },
    ...(bias ? [{ input: bias, gradient: (dy: Tensor) => reduceSum(graph, dy, [0, 2, 3]) }] : []),
  ]);
}

function inputGradient(graph: Graph, dy: Tensor, weight: Tensor): Tensor {
  const [outputs, inputs, kernel] = weight.shape as [number, number, number, number];
  const [count, , rows, columns] = dy.shape as [number, number, number, number];
  const flipped = flipTaps(graph, transpose(graph, weight, [1, 0, 2, 3]), [inputs, outputs, kernel, kernel]);
  return graph.emit("Conv", [dy, flipped], [count, inputs, rows, columns], {
    kernel_shape: { ints: [kernel, kernel] },
    pads: { ints: Array<number>(4).fill(kernel >> 1) },
  });
}

/** Reverses the k·k taps by a product with the exchange matrix, which every back end runs faster than a Gather. */
function flipTaps(graph: Graph, weight: Tensor, shape: Shape): Tensor {
  const taps = shape[2]! * shape[3]!;
  if (taps === 1) return weight;
  const exchange = new Float32Array(taps * taps);
  for (let tap = 0; tap < taps; tap++) exchange[tap * taps + (taps - 1 - tap)] = 1;
  const rows = reshape(graph, weight, [shape[0]! * shape[1]!, taps]);
  return reshape(graph, matmul(graph, rows, graph.constant(exchange, [taps, taps], `exchange${taps}`)), shape);
}

function weightGradient(graph: Graph, x: Tensor, dy: Tensor, shape: Shape): Tensor {
  const [outputs, inputs, kernel] = shape as [number, number, number, number];
  const [count, , rows, columns] = x.shape as [number, number, number, number];
  const margin = kernel >> 1;
  const padded = margin === 0 ? x : pad(graph, x, [0, 0, margin, margin], [0, 0, margin, margin]);
  const gradientRows = reshape(graph, dy, [count, outputs, rows * columns]);
  const taps: Tensor[] = [];
  for (let i = 0; i < kernel; i++) {
    for (let j = 0; j < kernel; j++) {
      const shifted = margin === 0 ? x : slice(graph, padded, [i, j], [i + rows, j + columns], [2, 3]);
      const pixels = transpose(graph, reshape(graph, shifted, [count, inputs, rows * columns]), [0, 2, 1]);
      const tap = reduceSum(graph, matmul(graph, gradientRows, pixels), [0]);
      taps.push(reshape(graph, tap, [outputs, inputs, 1]));
    }
  }
  return reshape(graph, concatenate(graph, taps, 2), shape);
}
