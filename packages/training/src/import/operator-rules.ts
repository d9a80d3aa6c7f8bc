import { RefineError } from "@samrefine/core";
import type { Graph, Shape, Tensor } from "../graph/graph.ts";
import { elementCount } from "../graph/graph.ts";
import { difference, product, quotient, sum } from "../operator/arithmetic.ts";
import { batchNorm } from "../operator/batch-norm.ts";
import { bilinearUpsample } from "../operator/bilinear-upsample.ts";
import { concatenateChannels } from "../operator/concatenate-channels.ts";
import { convolution } from "../operator/convolution.ts";
import { INSTANCE_NORM_EPSILON, instanceNorm } from "../operator/instance-norm.ts";
import { leakyRelu } from "../operator/leaky-relu.ts";
import { matrixProduct } from "../operator/matrix-product.ts";
import { maxPool } from "../operator/max-pool.ts";
import { permuted, reshaped } from "../operator/rearrangement.ts";
import { sigmoid } from "../operator/sigmoid.ts";
import { softmax } from "../operator/softmax.ts";
import { transposedConvolution } from "../operator/transposed-convolution.ts";
import type { ImportedNode } from "./read-model.ts";

/** What a rule sees of the node that it rebuilds. */
export interface NodeContext {
  readonly graph: Graph;
  readonly node: ImportedNode;
  /** Input by position, as a value of the graph; float32 constants are trained, except those of rank 0. */
  tensor(position: number): Tensor;
  /** A constant that the network carries from step to step instead of training it. */
  carried(position: number): Tensor;
  /** What a carried constant becomes after the step. */
  carry(position: number, next: Tensor): void;
  /** The numbers of a constant input, such as a shape; undefined when there is none. */
  numbers(position: number): readonly number[] | undefined;
}

/** Builds a node of an imported graph anew out of operators that know their gradient. */
export type OperatorRule = (context: NodeContext) => Tensor;

type Binary = (graph: Graph, a: Tensor, b: Tensor) => Tensor;
const binary =
  (build: Binary): OperatorRule =>
  ({ graph, tensor }) =>
    build(graph, tensor(0), tensor(1));

/** The operators of an imported graph that can be differentiated, by their ONNX names. Adding one is one line here. */
export const operatorRules: ReadonlyMap<string, OperatorRule> = new Map<string, OperatorRule>([
  ["Add", binary(sum)],
  ["BatchNormalization", batchNormalization],
  ["Concat", concatenation],
  ["Conv", convolutionOf],
  ["ConvTranspose", transposedConvolutionOf],
  ["Div", binary(quotient)],
  ["Dropout", ({ tensor }) => tensor(0)],
  ["Gemm", gemm],
  ["Identity", ({ tensor }) => tensor(0)],
  ["InstanceNormalization", instanceNormalization],
  ["LeakyRelu", ({ graph, node, tensor }) => leakyRelu(graph, tensor(0), node.float("alpha", 0.01))],
  ["MatMul", binary(matrixProduct)],
  ["MaxPool", maxPoolOf],
  ["Mul", binary(product)],
  ["Relu", ({ graph, tensor }) => leakyRelu(graph, tensor(0), 0)],
  ["Reshape", reshapeOf],
  ["Resize", resizeOf],
  ["Sigmoid", ({ graph, tensor }) => sigmoid(graph, tensor(0))],
  ["Softmax", softmaxOf],
  ["Sub", binary(difference)],
  ["Transpose", transposeOf],
]);

function convolutionOf({ graph, node, tensor }: NodeContext): Tensor {
  const weight = tensor(1);
  const [, , kernel = 0, width = 0] = weight.shape;
  const [stride = 1] = node.integers("strides", [1, 1]);
  requireAttribute(node, "kernel", [kernel, width], kernel % 2 === 1 && kernel === width);
  requireIntegers(node, "strides", [1, 1], [stride, stride]);
  requireIntegers(node, "dilations", [1, 1], [1, 1]);
  requireIntegers(node, "pads", [0, 0, 0, 0], Array<number>(4).fill(kernel >> 1));
  requireAttribute(node, "group", [node.integer("group", 1)], node.integer("group", 1) === 1);
  requirePlainPadding(node);
  return convolution(graph, tensor(0), weight, node.inputs[2] ? tensor(2) : undefined, { stride });
}

function transposedConvolutionOf({ graph, node, tensor }: NodeContext): Tensor {
  const weight = tensor(1);
  requireAttribute(node, "kernel", weight.shape.slice(2), weight.shape[2] === 2 && weight.shape[3] === 2);
  requireIntegers(node, "strides", [1, 1], [2, 2]);
  requireIntegers(node, "pads", [0, 0, 0, 0], [0, 0, 0, 0]);
  requireIntegers(node, "output_padding", [0, 0], [0, 0]);
  requireAttribute(node, "group", [node.integer("group", 1)], node.integer("group", 1) === 1);
  requirePlainPadding(node);
  const outputs = weight.shape[1]!;
  const bias = node.inputs[2] ? tensor(2) : graph.constant(new Float32Array(outputs), [outputs], `zeros${outputs}`);
  return transposedConvolution(graph, tensor(0), weight, bias);
}

function maxPoolOf({ graph, node, tensor }: NodeContext): Tensor {
  requireIntegers(node, "kernel_shape", [], [2, 2]);
  requireIntegers(node, "strides", [1, 1], [2, 2]);
  requireIntegers(node, "pads", [0, 0, 0, 0], [0, 0, 0, 0]);
  const x = tensor(0);
  requireAttribute(
    node,
    "an input of",
    x.shape,
    x.shape.length === 4 && x.shape[2]! % 2 === 0 && x.shape[3]! % 2 === 0,
  );
  return maxPool(graph, x);
}

function instanceNormalization({ graph, node, tensor }: NodeContext): Tensor {
  requireEpsilon(node, INSTANCE_NORM_EPSILON);
  return instanceNorm(graph, tensor(0), tensor(1), tensor(2));
}

/** In training by the statistics of the batch, which also move the running ones. */
function batchNormalization({ graph, node, tensor, carried, carry }: NodeContext): Tensor {
  requireEpsilon(node, 1e-5);
  const [runningMean, runningVariance] = [carried(3), carried(4)];
  const { y, next } = batchNorm(graph, tensor(0), { gamma: tensor(1), beta: tensor(2), runningMean, runningVariance });
  if (next) {
    carry(3, next.mean);
    carry(4, next.variance);
  }
  return y;
}

function concatenation({ graph, node, tensor }: NodeContext): Tensor {
  const parts = node.inputs.map((_, position) => tensor(position));
  const axis = node.integer("axis", 1);
  requireAttribute(node, "axis", [axis], axis === 1 || axis === 1 - parts[0]!.shape.length);
  return parts.reduce((joined, part) => concatenateChannels(graph, joined, part));
}

function softmaxOf({ graph, node, tensor }: NodeContext): Tensor {
  const x = tensor(0);
  const rank = x.shape.length;
  const axis = (node.integer("axis", -1) + rank) % rank;
  if (axis === 1) return softmax(graph, x);
  const swap = x.shape.map((_, index) => (index === 1 ? axis : index === axis ? 1 : index));
  return permuted(graph, softmax(graph, permuted(graph, x, swap)), swap);
}

function resizeOf({ graph, node, tensor, numbers }: NodeContext): Tensor {
  const x = tensor(0);
  const sizes = numbers(3);
  const scales = sizes ? sizes.map((size, axis) => size / x.shape[axis]!) : (numbers(2) ?? []);
  const [, , factor = 0] = scales;
  const isWhole = Number.isInteger(factor) && factor >= 1;
  requireAttribute(node, "scales", scales, isWhole && scales.join() === [1, 1, factor, factor].join());
  const mode = node.text("mode", "nearest");
  const place = node.text("coordinate_transformation_mode", "half_pixel");
  const isBilinear = mode === "linear" && (place === "half_pixel" || place === "pytorch_half_pixel");
  requireAttribute(node, "mode", [mode, place], isBilinear);
  return bilinearUpsample(graph, x, factor);
}

function reshapeOf({ graph, node, tensor, numbers }: NodeContext): Tensor {
  const x = tensor(0);
  const asked = numbers(1) ?? [];
  const known = asked.map((extent, axis) => (extent === 0 ? x.shape[axis]! : extent));
  const rest = elementCount(x.shape) / elementCount(known.filter((extent) => extent !== -1));
  const shape = known.map((extent) => (extent === -1 ? rest : extent));
  requireAttribute(node, "shape", asked, asked.length > 0 && elementCount(shape) === elementCount(x.shape));
  return reshaped(graph, x, shape);
}

function transposeOf({ graph, node, tensor }: NodeContext): Tensor {
  const x = tensor(0);
  return permuted(
    graph,
    x,
    node.integers(
      "perm",
      x.shape.map((_, axis) => x.shape.length - 1 - axis),
    ),
  );
}

/** a · b + c, b possibly given turned. */
function gemm({ graph, node, tensor }: NodeContext): Tensor {
  const factors = [node.float("alpha", 1), node.float("beta", 1), node.integer("transA", 0)];
  requireAttribute(node, "alpha, beta, transA", factors, factors.join() === "1,1,0");
  const b = tensor(1);
  const y = matrixProduct(graph, tensor(0), node.integer("transB", 0) === 1 ? permuted(graph, b, [1, 0]) : b);
  return node.inputs[2] ? sum(graph, y, tensor(2)) : y;
}

function requireIntegers(node: ImportedNode, name: string, fallback: Shape, accepted: Shape): void {
  const found = node.integers(name, fallback);
  requireAttribute(node, name, found, found.join() === accepted.join());
}

function requirePlainPadding(node: ImportedNode): void {
  const padding = node.text("auto_pad", "NOTSET");
  requireAttribute(node, "auto_pad", [padding], padding === "NOTSET");
}

function requireEpsilon(node: ImportedNode, accepted: number): void {
  const epsilon = node.float("epsilon", 1e-5);
  requireAttribute(node, "epsilon", [epsilon], Math.abs(epsilon - accepted) < 1e-3 * accepted);
}

/** @throws RefineError `training` naming the node and what of it has no rule. */
function requireAttribute(
  node: ImportedNode,
  name: string,
  found: readonly (number | string)[],
  isAccepted: boolean,
): void {
  if (isAccepted) return;
  throw new RefineError(
    "training",
    `The ${node.operator} node "${node.name}" has ${name} ${found.join(", ")}, for which there is no gradient rule.`,
    {
      hint: "Export the network with another layer in its place, or add the rule.",
      details: { operator: node.operator, node: node.name, attribute: name, found },
    },
  );
}
