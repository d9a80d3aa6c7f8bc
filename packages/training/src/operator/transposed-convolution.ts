import type { Graph, Tensor } from "../graph/graph.ts";
import { matmul, reduceSum, reshape, transpose } from "../graph/primitives.ts";
import { shareBetweenRules } from "./share-between-rules.ts";

/**
 * Transposed 2 × 2 convolution with stride 2: every input pixel paints its own 2 × 2 block, doubling rows and columns.
 *
 * y[n, o, 2y + i, 2x + j] = b[o] + Σ_c x[n, c, y, x] · w[c, o, i, j]
 *
 * With dy rearranged so that a block is one pixel of 4·out channels, D[n, (i, j, o), y, x] = dy[n, o, 2y + i, 2x + j]:
 * - dx[n, c] = Σ_(i, j, o) w[c, o, i, j] · D[n, (i, j, o)]: a matrix product.
 * - dw[c, o, i, j] = Σ_n,y,x x[n, c, y, x] · D[n, (i, j, o), y, x]: another.
 * - db = Σ_n,y,x dy
 *
 * @param x [N, in, rows, columns]
 * @param weight [in, out, 2, 2]
 * @param bias [out]
 */
export function transposedConvolution(graph: Graph, x: Tensor, weight: Tensor, bias: Tensor): Tensor {
  const [inputs, outputs] = weight.shape as [number, number, number, number];
  const [count, , rows, columns] = x.shape as [number, number, number, number];
  const pixels = rows * columns;
  const window = { kernel_shape: { ints: [2, 2] }, strides: { ints: [2, 2] } };
  const y = graph.emit("ConvTranspose", [x, weight, bias], [count, outputs, 2 * rows, 2 * columns], window);
  const blocks = shareBetweenRules((dy) => {
    const shape = [count, 4 * outputs, rows, columns];
    return reshape(graph, graph.emit("SpaceToDepth", [dy], shape, { blocksize: { int: 2 } }), [
      count,
      4 * outputs,
      pixels,
    ]);
  });
  return graph.record(y, [
    {
      input: x,
      gradient: (dy) => {
        const matrix = reshape(graph, transpose(graph, weight, [0, 2, 3, 1]), [inputs, 4 * outputs]);
        return reshape(graph, matmul(graph, matrix, blocks(dy)), x.shape);
      },
    },
    {
      input: weight,
      gradient: (dy) => {
        const byPixel = transpose(graph, blocks(dy), [0, 2, 1]);
        const product = matmul(graph, reshape(graph, x, [count, inputs, pixels]), byPixel);
        const summed = reshape(graph, reduceSum(graph, product, [0]), [inputs, 2, 2, outputs]);
        return transpose(graph, summed, [0, 3, 1, 2]);
      },
    },
    { input: bias, gradient: (dy) => reduceSum(graph, dy, [0, 2, 3]) },
  ]);
}
