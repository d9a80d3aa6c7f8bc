import { elementCount, type Graph, type Shape, type Tensor } from "./graph.ts";

// Single ONNX nodes with static shape inference. Nothing here is recorded on the tape: operators and losses are made of
// these and state their own gradients.

/** TensorProto.DataType.FLOAT, the target of a Cast. */
const FLOAT32 = 1;

/** NumPy's broadcasting rule. */
export function broadcastShape(a: Shape, b: Shape): Shape {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, axis) =>
    Math.max(a[a.length - rank + axis] ?? 1, b[b.length - rank + axis] ?? 1),
  );
}

function elementwise(operator: string): (graph: Graph, a: Tensor, b: Tensor) => Tensor {
  return (graph, a, b) => graph.emit(operator, [a, b], broadcastShape(a.shape, b.shape));
}

export const add: (graph: Graph, a: Tensor, b: Tensor) => Tensor = elementwise("Add");
export const subtract: (graph: Graph, a: Tensor, b: Tensor) => Tensor = elementwise("Sub");
export const multiply: (graph: Graph, a: Tensor, b: Tensor) => Tensor = elementwise("Mul");
export const divide: (graph: Graph, a: Tensor, b: Tensor) => Tensor = elementwise("Div");
export const minimum: (graph: Graph, a: Tensor, b: Tensor) => Tensor = elementwise("Min");

export function scale(graph: Graph, a: Tensor, factor: number): Tensor {
  return factor === 1 ? a : multiply(graph, a, graph.scalar(factor));
}

export function unary(
  graph: Graph,
  operator: "Abs" | "Exp" | "Log" | "Neg" | "Relu" | "Sigmoid" | "Sqrt",
  a: Tensor,
): Tensor {
  return graph.emit(operator, [a], a.shape);
}

/** 1 where a equals b, 0 elsewhere. */
export function equalMask(graph: Graph, a: Tensor, b: Tensor): Tensor {
  const shape = broadcastShape(a.shape, b.shape);
  return graph.emit("Cast", [graph.emit("Equal", [a, b], shape)], shape, { to: { int: FLOAT32 } });
}

/** 1 where a is greater than b, 0 elsewhere. */
export function greaterMask(graph: Graph, a: Tensor, b: Tensor): Tensor {
  const shape = broadcastShape(a.shape, b.shape);
  return graph.emit("Cast", [graph.emit("Greater", [a, b], shape)], shape, { to: { int: FLOAT32 } });
}

export function clip(graph: Graph, a: Tensor, lower: number, upper: number): Tensor {
  return graph.emit("Clip", [a, graph.scalar(lower), graph.scalar(upper)], a.shape);
}

export function reshape(graph: Graph, a: Tensor, shape: Shape): Tensor {
  if (a.shape.length === shape.length && a.shape.every((extent, axis) => extent === shape[axis])) return a;
  return graph.emit("Reshape", [a, graph.integers(shape)], shape);
}

export function transpose(graph: Graph, a: Tensor, permutation: readonly number[]): Tensor {
  const shape = permutation.map((axis) => a.shape[axis]!);
  return graph.emit("Transpose", [a], shape, { perm: { ints: permutation } });
}

function reduction(operator: string) {
  return (graph: Graph, a: Tensor, axes: readonly number[], keepAxes = false): Tensor => {
    const kept = a.shape.map((extent, axis) => (axes.includes(axis) ? 1 : extent));
    const shape = keepAxes ? kept : a.shape.filter((_, axis) => !axes.includes(axis));
    return graph.emit(operator, [a, graph.integers(axes)], shape, { keepdims: { int: keepAxes ? 1 : 0 } });
  };
}

type Reduction = (graph: Graph, a: Tensor, axes: readonly number[], keepAxes?: boolean) => Tensor;
export const reduceSum: Reduction = reduction("ReduceSum");
export const reduceMean: Reduction = reduction("ReduceMean");
export const reduceMax: Reduction = reduction("ReduceMax");

/** Sum of all elements, as a scalar of shape []. */
export function sumAll(graph: Graph, a: Tensor): Tensor {
  return graph.emit("ReduceSum", [a], [], { keepdims: { int: 0 } });
}

/** Mean of all elements, as a scalar of shape []. */
export function meanAll(graph: Graph, a: Tensor): Tensor {
  return graph.emit("ReduceMean", [a], [], { keepdims: { int: 0 } });
}

/** Half-open ranges [start, end) along the given axes, every `step`-th element of them. */
export function slice(
  graph: Graph,
  a: Tensor,
  starts: readonly number[],
  ends: readonly number[],
  axes: readonly number[],
  step = 1,
): Tensor {
  const shape = a.shape.map((extent, axis) => {
    const position = axes.indexOf(axis);
    return position < 0 ? extent : Math.ceil((ends[position]! - starts[position]!) / step);
  });
  const ranges = [starts, ends, axes, ...(step === 1 ? [] : [axes.map(() => step)])];
  return graph.emit("Slice", [a, ...ranges.map((values) => graph.integers(values))], shape);
}

export function concatenate(graph: Graph, parts: readonly Tensor[], axis: number): Tensor {
  if (parts.length === 1) return parts[0]!;
  const shape = parts[0]!.shape.map((extent, index) =>
    index === axis ? parts.reduce((sum, part) => sum + part.shape[axis]!, 0) : extent,
  );
  return graph.emit("Concat", parts, shape, { axis: { int: axis } });
}

/** Zero padding; `before` and `after` have one entry per axis, and a negative one cuts off. */
export function pad(graph: Graph, a: Tensor, before: readonly number[], after: readonly number[]): Tensor {
  const shape = a.shape.map((extent, axis) => extent + before[axis]! + after[axis]!);
  // WebGPU's kernel reads the value without asking whether there is one.
  return graph.emit("Pad", [a, graph.integers([...before, ...after]), graph.scalar(0)], shape);
}

/** Matrix product over the last two axes. */
export function matmul(graph: Graph, a: Tensor, b: Tensor): Tensor {
  const shape = [...broadcastShape(a.shape.slice(0, -2), b.shape.slice(0, -2)), a.shape.at(-2)!, b.shape.at(-1)!];
  return graph.emit("MatMul", [a, b], shape);
}

/** Adds up a gradient over the axes along which `shape` was broadcast. */
export function reduceToShape(graph: Graph, gradient: Tensor, shape: Shape): Tensor {
  const offset = gradient.shape.length - shape.length;
  const axes = gradient.shape.flatMap((extent, axis) =>
    axis < offset || (shape[axis - offset] === 1 && extent !== 1) ? [axis] : [],
  );
  if (axes.length === 0) return reshape(graph, gradient, shape);
  return reshape(graph, reduceSum(graph, gradient, axes), shape);
}

/** Gives a scalar gradient the shape of a tensor's elements by broadcasting it, when an operator needs it in full. */
export function expand(graph: Graph, a: Tensor, shape: Shape): Tensor {
  if (elementCount(a.shape) === elementCount(shape)) return reshape(graph, a, shape);
  return graph.emit("Expand", [a, graph.integers(shape)], shape);
}
