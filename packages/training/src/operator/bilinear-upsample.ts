import type { Graph, Tensor } from "../graph/graph.ts";
import { matmul, transpose } from "../graph/primitives.ts";

/**
 * Enlarges rows and columns by a whole factor, bilinearly: the centre of a pixel of the result is looked up between the
 * centres of the four nearest input pixels, and the border is repeated outwards (`align_corners=False` in PyTorch,
 * `half_pixel` in ONNX).
 *
 * y = R · x · Cᵀ per image and channel, R [factor·rows, rows] and C [factor·columns, columns] holding the two weights of every
 * result row and column; dx = Rᵀ · dy · C.
 *
 * @param x [N, C, rows, columns]
 * @param factor at least 1
 */
export function bilinearUpsample(graph: Graph, x: Tensor, factor: number): Tensor {
  if (factor === 1) return x;
  const [count, channels, rows, columns] = x.shape as [number, number, number, number];
  const scales = graph.constant(Float32Array.of(1, 1, factor, factor), [4]);
  const shape = [count, channels, factor * rows, factor * columns];
  const y = graph.emit("Resize", [x, undefined, scales], shape, {
    mode: { string: "linear" },
    coordinate_transformation_mode: { string: "half_pixel" },
  });
  return graph.record(y, [
    {
      input: x,
      gradient: (dy) => {
        const alongRows = transpose(graph, interpolationMatrix(graph, rows, factor), [1, 0]);
        return matmul(graph, alongRows, matmul(graph, dy, interpolationMatrix(graph, columns, factor)));
      },
    },
  ]);
}

/** [factor·length, length]: row i holds the weights with which the inputs make up result i. */
function interpolationMatrix(graph: Graph, length: number, factor: number): Tensor {
  const enlarged = factor * length;
  const weights = new Float32Array(enlarged * length);
  for (let index = 0; index < enlarged; index++) {
    const place = Math.min(Math.max((index + 0.5) / factor - 0.5, 0), length - 1);
    const lower = Math.floor(place);
    const upper = Math.min(lower + 1, length - 1);
    weights[index * length + lower]! += 1 - (place - lower);
    weights[index * length + upper]! += place - lower;
  }
  return graph.constant(weights, [enlarged, length], `interpolation${factor}`);
}
