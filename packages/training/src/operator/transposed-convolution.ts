import type { Graph, Tensor } from "../graph/graph.ts";
import { reduceSum, reshape, transpose } from "../graph/primitives.ts";

/**
 * Transposed 2 × 2 convolution with stride 2: every input pixel paints its own 2 × 2 block, doubling rows and columns.
 *
 * y[n, o, 2y + i, 2x + j] = b[o] + Σ_c x[n, c, y, x] · w[c, o, i, j]
 *
 * - dx = convolution of dy with w, stride 2.
 * - dw[c, (o, i, j)] = Σ over pixels of x[pixel, c] · dy[pixel, (o, i, j)]: one matrix product.
 * - db = Σ_n,y,x dy
 *
 * @param x [N, in, rows, columns]
 * @param weight [in, out, 2, 2]
 * @param bias [out]
 */
export function transposedConvolution(graph: Graph, x: Tensor, weight: Tensor, bias: Tensor): Tensor {
  const [inputs, outputs] = weight.shape as [number, number, number, number];
  const [count, , rows, columns] = x.shape as [number, number, number, number];
  const geometry = { kernel_shape: { ints: [2, 2] }, strides: { ints: [2, 2] } };
  const y = graph.emit("ConvTranspose", [x, weight, bias], [count, outputs, 2 * rows, 2 * columns], geometry);
  return graph.record(y, [
    { input: x, gradient: (dy) => graph.emit("Conv", [dy, weight], x.shape, geometry) },
    {
      input: weight,
      gradient: (dy) => {
        const pixels = count * rows * columns;
        const blocks = transpose(graph, reshape(graph, dy, [count, outputs, rows, 2, columns, 2]), [0, 2, 4, 1, 3, 5]);
        const a = reshape(graph, transpose(graph, x, [0, 2, 3, 1]), [pixels, inputs]);
        const b = reshape(graph, blocks, [pixels, outputs * 4]);
        return reshape(graph, graph.emit("Gemm", [a, b], [inputs, outputs * 4], { transA: { int: 1 } }), weight.shape);
      },
    },
    { input: bias, gradient: (dy) => reduceSum(graph, dy, [0, 2, 3]) },
  ]);
}
