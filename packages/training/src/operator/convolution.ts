import type { Graph, Shape, Tensor } from "../graph/graph.ts";
import { concatenate, matmul, pad, reduceSum, reshape, slice, transpose } from "../graph/primitives.ts";

export interface ConvolutionOptions {
  /** Step between two windows along both axes. Default 1. */
  readonly stride?: number;
}

/**
 * Convolution with an odd square kernel of k² taps and zero padding p = (k - 1)/2: with stride 1 rows and columns stay, with
 * stride s there are ⌈rows / s⌉ and ⌈columns / s⌉.
 *
 * y[n, o, v, u] = b[o] + Σ_c,i,j w[o, c, i, j] · x[n, c, s·v + i - p, s·u + j - p]
 *
 * - dx = dy ⋆ flip(w)ᵀ: the same convolution with input and output channels swapped and the taps reversed; for a larger stride
 *   the transposed convolution, which spreads dy s pixels apart first.
 * - dw[o, c, i, j] = Σ_n Σ_vu dy[n, o, v, u] · x[n, c, s·v + i - p, s·u + j - p]: one matrix product per tap.
 * - db = Σ_n,v,u dy
 *
 * @param x [N, in, rows, columns]
 * @param weight [out, in, k, k], k odd
 * @param bias [out], optional
 */
export function convolution(
  graph: Graph,
  x: Tensor,
  weight: Tensor,
  bias?: Tensor,
  { stride = 1 }: ConvolutionOptions = {},
): Tensor {
  const [outputs, , kernel] = weight.shape as [number, number, number, number];
  const [count, , rows, columns] = x.shape as [number, number, number, number];
  const shape = [count, outputs, Math.ceil(rows / stride), Math.ceil(columns / stride)];
  const y = graph.emit("Conv", bias ? [x, weight, bias] : [x, weight], shape, window(kernel, stride));
  return graph.record(y, [
    { input: x, gradient: (dy) => inputGradient(graph, dy, weight, x.shape, stride) },
    { input: weight, gradient: (dy) => weightGradient(graph, x, dy, weight.shape, stride) },
    ...(bias ? [{ input: bias, gradient: (dy: Tensor) => reduceSum(graph, dy, [0, 2, 3]) }] : []),
  ]);
}

function window(kernel: number, stride: number) {
  return {
    kernel_shape: { ints: [kernel, kernel] },
    pads: { ints: Array<number>(4).fill(kernel >> 1) },
    ...(stride === 1 ? {} : { strides: { ints: [stride, stride] } }),
  };
}

function inputGradient(graph: Graph, dy: Tensor, weight: Tensor, shape: Shape, stride: number): Tensor {
  const [outputs, inputs, kernel] = weight.shape as [number, number, number, number];
  if (stride > 1) {
    // What the last window does not reach of the padded input.
    const rest = shape.slice(2).map((extent) => (extent - 1) % stride);
    return graph.emit("ConvTranspose", [dy, weight], shape, {
      ...window(kernel, stride),
      output_padding: { ints: rest },
    });
  }
  const flipped = flipTaps(graph, transpose(graph, weight, [1, 0, 2, 3]), [inputs, outputs, kernel, kernel]);
  return graph.emit("Conv", [dy, flipped], shape, window(kernel, stride));
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

/**
 * With stride 1 the rows are shifted in dy and the columns in x: dw[o, c, i, j] = Σ_vu dy[v - i + p, u] · x[v, u + j - p]. So
 * 2·(k - 1) shifted copies are made instead of k², and a product per tap of one of each. ONNX Runtime rearranges the second
 * matrix of every product, so that is the one with fewer channels.
 */
function weightGradient(graph: Graph, x: Tensor, dy: Tensor, shape: Shape, stride: number): Tensor {
  const [outputs, inputs, kernel] = shape as [number, number, number, number];
  if (stride > 1) return stridedWeightGradient(graph, x, dy, shape, stride);
  const [count, , rows, columns] = x.shape as [number, number, number, number];
  const middle = kernel >> 1;
  const isByInput = inputs >= outputs;
  const flat = (value: Tensor, isSecond: boolean): Tensor => {
    const matrix = reshape(graph, value, [count, value.shape[1]!, rows * columns]);
    return isSecond ? transpose(graph, matrix, [0, 2, 1]) : matrix;
  };
  const offsets = Array.from({ length: kernel }, (_, tap) => tap - middle);
  const ofGradient = offsets.map((offset) => flat(shift(graph, dy, 2, -offset), isByInput));
  const ofInput = offsets.map((offset) => flat(shift(graph, x, 3, offset), !isByInput));
  const [first, second] = isByInput ? [inputs, outputs] : [outputs, inputs];
  const taps = ofGradient.flatMap((gradient) =>
    ofInput.map((input) => {
      const product = isByInput ? matmul(graph, input, gradient) : matmul(graph, gradient, input);
      return reshape(graph, reduceSum(graph, product, [0]), [first, second, 1]);
    }),
  );
  const joined = concatenate(graph, taps, 2);
  return reshape(graph, isByInput ? transpose(graph, joined, [1, 0, 2]) : joined, shape);
}

/** y[.., v, ..] = x[.., v + offset, ..] along an axis, zero where there is none. */
function shift(graph: Graph, x: Tensor, axis: number, offset: number): Tensor {
  if (offset === 0) return x;
  const along = (value: number): readonly number[] => x.shape.map((_, index) => (index === axis ? value : 0));
  return pad(graph, x, along(-offset), along(offset));
}

/** One product per tap. */
function stridedWeightGradient(graph: Graph, x: Tensor, dy: Tensor, shape: Shape, stride: number): Tensor {
  const [outputs, inputs, kernel] = shape as [number, number, number, number];
  const [count, , rows, columns] = dy.shape as [number, number, number, number];
  const [height, width] = [stride * (rows - 1) + 1, stride * (columns - 1) + 1];
  const margin = kernel >> 1;
  const padded = margin === 0 ? x : pad(graph, x, [0, 0, margin, margin], [0, 0, margin, margin]);
  const gradientRows = reshape(graph, dy, [count, outputs, rows * columns]);
  const taps: Tensor[] = [];
  for (let i = 0; i < kernel; i++) {
    for (let j = 0; j < kernel; j++) {
      const shifted = slice(graph, padded, [i, j], [i + height, j + width], [2, 3], stride);
      const pixels = transpose(graph, reshape(graph, shifted, [count, inputs, rows * columns]), [0, 2, 1]);
      const tap = reduceSum(graph, matmul(graph, gradientRows, pixels), [0]);
      taps.push(reshape(graph, tap, [outputs, inputs, 1]));
    }
  }
  return reshape(graph, concatenate(graph, taps, 2), shape);
}
