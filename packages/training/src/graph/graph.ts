import { RefineError } from "@samrefine/core";
import {
  type AttributeValue,
  buildModel,
  type NodeSpec,
  type TensorSpec,
  type TensorValue,
} from "@samrefine/models/onnx";

export type Shape = readonly number[];

/** A value of the graph: its name in the ONNX file and its static shape. Images are [N, channels, rows, columns]. */
export interface Tensor {
  readonly name: string;
  readonly shape: Shape;
}

/** How the gradient of one input follows from the gradient of an operator's output. */
export interface GradientRule {
  readonly input: Tensor;
  readonly gradient: (outputGradient: Tensor) => Tensor;
}

/** A dropout mask among the graph's inputs. */
export interface RandomMask {
  readonly name: string;
  readonly shape: Shape;
  readonly probability: number;
}

type Attributes = Readonly<Record<string, AttributeValue>>;
type Dimensions = readonly (number | string)[];

interface TapeEntry {
  readonly output: Tensor;
  readonly rules: readonly GradientRule[];
}

/** ONNX operator set 18: LayerNormalization and reductions with axes as input. */
const OPERATOR_SET = 18;

type UnnamedConstant =
  | { readonly dataType: "float32"; readonly data: Float32Array; readonly dims: Shape }
  | { readonly dataType: "int64"; readonly data: BigInt64Array; readonly dims: Shape };

/** Constants up to this many elements are shared when their values are equal. */
const SHARED_CONSTANT_LIMIT = 64;

/**
 * An ONNX graph under construction, with a tape for reverse-mode differentiation.
 *
 * Operators append nodes and, where a gradient has to flow, a {@link GradientRule} per input. {@link Graph.backward} walks
 * the tape from the loss to the parameters and appends the nodes of the gradients to the same graph, so that one run of the
 * finished graph is forward pass, backward pass and whatever is built on the gradients (the optimiser).
 */
export class Graph {
  private readonly nodes: NodeSpec[] = [];
  private readonly initializers: TensorValue[] = [];
  private readonly inputs: TensorSpec[] = [];
  private readonly outputs: TensorSpec[] = [];
  private readonly tape: TapeEntry[] = [];
  private readonly tracked = new Set<string>();
  private readonly sharedConstants = new Map<string, Tensor>();
  /** Masks that the caller draws anew for every run. */
  readonly randomMasks: RandomMask[] = [];
  /** Whether batch statistics and dropout are at work, also where nothing is recorded (a teacher in training mode). */
  readonly isTraining: boolean;
  private readonly scopes: string[] = [];
  private recording = true;
  private nextValue = 0;
  private readonly bytesOf = new Map<string, number>();

  constructor({ isTraining }: { readonly isTraining: boolean } = { isTraining: false }) {
    this.isTraining = isTraining;
  }

  /** Whether a rule recorded now could matter: false inside {@link Graph.withoutGradient} and in exported models. */
  get isRecording(): boolean {
    return this.recording;
  }

  /** Bytes of the largest input or value, as float32. */
  get largestTensorBytes(): number {
    return [...this.bytesOf.values()].reduce((largest, bytes) => Math.max(largest, bytes), 0);
  }

  /**
   * Bytes of the values that are alive at once at most, as float32, when the nodes run in their order and a value is given
   * up after its last use. What a runtime takes for its arena and work space comes on top.
   */
  get peakBytes(): number {
    const lastUse = new Map<string, number>();
    for (const [index, { inputs }] of this.nodes.entries()) for (const name of inputs) lastUse.set(name, index);
    const held = new Set(this.inputs.map(({ name }) => name));
    let alive = [...held].reduce((sum, name) => sum + (this.bytesOf.get(name) ?? 0), 0);
    let peak = alive;
    for (const [index, { inputs, outputs }] of this.nodes.entries()) {
      for (const name of outputs) alive += this.bytesOf.get(name) ?? 0;
      peak = Math.max(peak, alive);
      for (const name of new Set([...inputs, ...outputs])) {
        if (!held.has(name) && (lastUse.get(name) ?? index) === index) alive -= this.bytesOf.get(name) ?? 0;
      }
    }
    return peak;
  }

  /** Declares a float32 graph input. Symbolic dimensions (`"N"`) are written to the file; `shape` is what operators see. */
  input(name: string, shape: Shape, declared: Dimensions = shape): Tensor {
    this.inputs.push({ name, dataType: "float32", dims: declared });
    this.bytesOf.set(name, 4 * elementCount(shape));
    return { name, shape };
  }

  /** Declares an input that the caller fills with 0 (with the given probability) or 1 / (1 - probability). */
  randomMask(shape: Shape, probability: number): Tensor {
    const name = `mask${this.randomMasks.length}`;
    this.randomMasks.push({ name, shape, probability });
    return this.input(name, shape);
  }

  /** Declares a float32 graph output under `name`. */
  output(name: string, value: Tensor, declared: Dimensions = value.shape): void {
    this.nodes.push({ op: "Identity", inputs: [value.name], outputs: [name], name: `output/${name}` });
    this.outputs.push({ name, dataType: "float32", dims: declared });
  }

  /** Appends a node with one output of the given shape. An empty input name stands for an optional input left out. */
  emit(operator: string, inputs: readonly (Tensor | undefined)[], shape: Shape, attributes: Attributes = {}): Tensor {
    const [value] = this.emitMany(operator, inputs, [shape], attributes);
    return value!;
  }

  /** Appends a node with several outputs; `undefined` leaves an optional output out. */
  emitMany(
    operator: string,
    inputs: readonly (Tensor | undefined)[],
    shapes: readonly (Shape | undefined)[],
    attributes: Attributes = {},
  ): readonly Tensor[] {
    const values = shapes.map((shape) => ({ name: shape ? `t${this.nextValue++}` : "", shape: shape ?? [] }));
    for (const { name, shape } of values) if (name !== "") this.bytesOf.set(name, 4 * elementCount(shape));
    this.nodes.push({
      op: operator,
      inputs: inputs.map((tensor) => tensor?.name ?? ""),
      outputs: values.map((value) => value.name),
      attributes,
      name: `${[...this.scopes, operator].join("/")}_${this.nodes.length}`,
    });
    return values;
  }

  /** A float32 constant. Small ones are shared by value, large ones by `key` when one is given. */
  constant(data: Float32Array, shape: Shape, key?: string): Tensor {
    return this.share({ dataType: "float32", data, dims: shape }, key);
  }

  /** A float32 scalar of shape []. */
  scalar(value: number): Tensor {
    return this.constant(Float32Array.of(value), []);
  }

  /** A vector of int64, for shapes, axes and pads. */
  integers(values: readonly number[]): Tensor {
    return this.share({ dataType: "int64", data: BigInt64Array.from(values, BigInt), dims: [values.length] });
  }

  /** Marks a value as one that gradients are wanted for. */
  track(value: Tensor): Tensor {
    this.tracked.add(value.name);
    return value;
  }

  /** Puts an operator on the tape when one of its inputs leads to a tracked value, and returns the output. */
  record(output: Tensor, rules: readonly GradientRule[]): Tensor {
    const live = rules.filter((rule) => this.tracked.has(rule.input.name));
    if (!this.recording || live.length === 0) return output;
    this.tape.push({ output, rules: live });
    return this.track(output);
  }

  /** Runs `build` without recording: what it returns is a constant to the gradients (a teacher's prediction). */
  withoutGradient<T>(build: () => T): T {
    const before = this.recording;
    this.recording = false;
    try {
      return build();
    } finally {
      this.recording = before;
    }
  }

  /** Names the nodes that `build` appends, so that a profile can be read by layer. */
  inScope<T>(name: string, build: () => T): T {
    this.scopes.push(name);
    try {
      return build();
    } finally {
      this.scopes.pop();
    }
  }

  /**
   * Appends the reverse pass for a scalar loss and returns d loss / d value for every tracked value that the loss depends on,
   * by value name. Contributions of several uses are added.
   * @throws RefineError `training` when the loss is not a scalar.
   */
  backward(loss: Tensor): ReadonlyMap<string, Tensor> {
    if (loss.shape.length !== 0) {
      throw new RefineError("training", `A loss must be a scalar; found shape [${loss.shape.join(", ")}].`, {
        hint: "Reduce the loss to its mean first.",
      });
    }
    const gradients = new Map<string, Tensor>([[loss.name, this.scalar(1)]]);
    this.withoutGradient(() =>
      this.inScope("backward", () => {
        for (const { output, rules } of this.tape.toReversed()) {
          const outputGradient = gradients.get(output.name);
          if (!outputGradient) continue;
          for (const { input, gradient } of rules) {
            const contribution = gradient(outputGradient);
            const sum = gradients.get(input.name);
            gradients.set(input.name, sum ? this.emit("Add", [sum, contribution], input.shape) : contribution);
          }
        }
      }),
    );
    return gradients;
  }

  /** The graph as an ONNX file. */
  toModel(name: string, metadata: Readonly<Record<string, string>> = {}): Uint8Array<ArrayBuffer> {
    return buildModel({
      nodes: this.nodes,
      inputs: this.inputs,
      outputs: this.outputs,
      initializers: this.initializers,
      opset: OPERATOR_SET,
      metadata,
      graphName: name,
    });
  }

  private share(constant: UnnamedConstant, key?: string): Tensor {
    const { dataType, data, dims } = constant;
    const identity = key ?? (data.length <= SHARED_CONSTANT_LIMIT ? data.join(",") : undefined);
    const cacheKey = identity === undefined ? undefined : `${dataType}[${dims.join(",")}]${identity}`;
    const known = cacheKey === undefined ? undefined : this.sharedConstants.get(cacheKey);
    if (known) return known;
    const value: Tensor = { name: `constant${this.initializers.length}`, shape: dims };
    this.initializers.push({ name: value.name, ...constant });
    if (cacheKey !== undefined) this.sharedConstants.set(cacheKey, value);
    return value;
  }
}

export function elementCount(shape: Shape): number {
  return shape.reduce((product, extent) => product * extent, 1);
}
