import { RefineError } from "@samrefine/core";
import { nodesNeededFor, type Producers, producersOf, referencedNames } from "./graph-walk.ts";
import type { GraphProto, NodeProto, TensorProto } from "./model-proto.ts";

/** x ↦ x W + b as an exporter writes it: MatMul with a transposed weight, then Add. */
export interface Projection {
  /** Name of the input tensor. */
  readonly input: string;
  /** Names of W [from, to] and b [to]. */
  readonly weight: string;
  readonly bias: string;
  readonly from: number;
  readonly to: number;
}

export interface Norm {
  readonly scale: string;
  readonly bias: string;
}

/** Operators that only lay out the places of the image anew, or repeat them. */
const layingOut: ReadonlySet<string> = new Set(["Transpose", "Reshape", "Flatten", "Tile", "Expand", "Unsqueeze"]);

/**
 * The parts of a cut SAM decoder, found by the parameters' PyTorch names, which exporters keep, and by structure where
 * exporters rename (transposed weights) or fold.
 */
export class DecoderGraph {
  /** Tokens that enter the transformer, [prompts, tokens, channels]. */
  readonly tokens: string;
  /** Tokens that leave it. */
  readonly answers: string;
  /** What the prompts' masks add to the image, [prompts, channels, rows, columns], and what stands for no mask. */
  readonly dense: string;
  readonly noMask: string;
  /** Encoded places, which depend on no input: [1, channels, rows, columns]. */
  readonly placeEncoding: string;
  /** Weights of the masks' channels, [prompts, 4, channels]. */
  readonly maskWeights: string;
  readonly channels: number;
  readonly heads: number;
  /** Rows, and columns, of the embedding. */
  readonly side: number;
  readonly #graph: GraphProto;
  readonly #producers: Producers;
  readonly #constants: ReadonlyMap<string, TensorProto>;
  readonly #origin: string;

  constructor(graph: GraphProto, origin: string) {
    this.#graph = graph;
    this.#origin = origin;
    this.#producers = producersOf(graph);
    this.#constants = new Map((graph.initializer ?? []).map((tensor) => [tensor.name ?? "", tensor]));
    const first = this.projection("layers.0.self_attn.q_proj");
    this.tokens = first.input;
    this.channels = first.from;
    this.heads = this.#readHeads(first.to);
    this.#requireTwoLayers();
    this.answers = this.#outputOf(this.#parameter("transformer.norm_final_attn.bias"));
    const image = this.projection("layers.0.cross_attn_token_to_image.v_proj").input;
    const imageAndPlace = this.projection("layers.0.cross_attn_token_to_image.k_proj").input;
    const place = this.#otherInput(this.#producer(imageAndPlace, "Add"), image);
    this.placeEncoding = this.#beforeLayout(place);
    const sum = this.#producer(this.#beforeLayout(image), "Add");
    const embedding = sum.input?.find((name) => this.#beforeLayout(name) === "image_embeddings");
    if (embedding === undefined) throw this.#unknown("the image embedding is not added to the masks' part");
    this.dense = this.#otherInput(sum, embedding);
    this.noMask = this.#constantFactor(this.#producer(this.dense, "Add"));
    const product = this.#producer(this.#beforeLayout("low_res_masks"), "MatMul");
    const embeddingInput = graph.input?.find(({ name }) => name === "image_embeddings");
    this.side = Number(embeddingInput?.type?.tensorType?.shape?.dim?.[2]?.dimValue ?? 0);
    if (this.side === 0) throw this.#unknown("it does not say how large an embedding is");
    this.maskWeights = product.input?.[0] ?? "";
  }

  /** @param name after `transformer.`, e.g. `layers.0.self_attn.q_proj`. */
  projection(name: string): Projection {
    const bias = this.#parameter(`transformer.${name}.bias`);
    const add = this.#consumer(bias, "Add");
    const product = this.#producer(this.#otherInput(add, bias), "MatMul");
    const [input = "", weight = ""] = product.input ?? [];
    const [from = 0, to = 0] = this.#dims(weight);
    if (to !== this.#dims(bias)[0]) throw this.#unknown(`the weight of ${name} is not [from, to]`);
    return { input, weight, bias, from, to };
  }

  /** @param name after `transformer.`, e.g. `layers.0.norm1`. */
  norm(name: string): Norm {
    return { scale: this.#parameter(`transformer.${name}.weight`), bias: this.#parameter(`transformer.${name}.bias`) };
  }

  /** The transposed convolution `output_upscaling.<index>`: kernel [from, to, 2, 2] and bias [to]. */
  upscaling(index: 0 | 3): {
    readonly kernel: string;
    readonly bias: string;
    readonly from: number;
    readonly to: number;
  } {
    const kernel = this.#parameter(`output_upscaling.${index}.weight`);
    const [from = 0, to = 0, rows, columns] = this.#dims(kernel);
    if (rows !== 2 || columns !== 2) throw this.#unknown("its upscaling is not by two");
    return { kernel, bias: this.#parameter(`output_upscaling.${index}.bias`), from, to };
  }

  /** The norm between the two: [channels, 1, 1] constants that exporters fold and rename, multiplied and added last. */
  upscalingNorm(): Norm {
    const end = this.#producer(this.#outputOf(this.upscaling(3).kernel), "ConvTranspose").input?.[0] ?? "";
    const start = this.#outputOf(this.upscaling(0).kernel);
    const before = nodesNeededFor([start], this.#producers);
    const between = [...nodesNeededFor([end], this.#producers)].filter((node) => !before.has(node));
    const perChannel = (op: string): string => {
      const found = between
        .filter((node) => node.opType === op)
        .flatMap((node) => node.input ?? [])
        .filter((name) => this.#constants.has(name) && this.#dims(name).join() === `${this.upscaling(0).to},1,1`);
      if (found.length !== 1) throw this.#unknown("the norm of its upscaling was not found");
      return found[0]!;
    };
    return { scale: perChannel("Mul"), bias: perChannel("Add") };
  }

  /** Values of a float32 constant. */
  values(name: string): Float32Array {
    const values = floatsOf(this.#constants.get(name));
    if (values.length > 0) return values;
    throw this.#unknown(`"${name}" is no constant of floats in the file`);
  }

  /** In the order of the graph: all nodes that make `tensors`, but for those that make `given`. */
  nodesFor(tensors: readonly string[], given: readonly string[] = []): NodeProto[] {
    const open = new Map([...this.#producers].filter(([output]) => !given.includes(output)));
    const needed = nodesNeededFor(tensors, open);
    return (this.#graph.node ?? []).filter((node) => needed.has(node));
  }

  /** Scores are divided by the root of a head's size, which is all that the graph says of heads in so many words. */
  #readHeads(width: number): number {
    const softmax = this.#graph.node?.find((node) => node.opType === "Softmax");
    const division = this.#producer(softmax?.input?.[0] ?? "", "Div");
    const divisor = division.input?.[1] ?? "";
    const constant = this.#producers.get(divisor)?.attribute?.find(({ name }) => name === "value")?.t;
    const [root = 0] = constant ? floatsOf(constant) : this.values(divisor);
    const heads = width / root ** 2;
    if (Math.abs(heads - Math.round(heads)) > 1e-3) throw this.#unknown(`its heads are ${heads}`);
    return Math.round(heads);
  }

  #requireTwoLayers(): void {
    const names = [...this.#constants.keys()];
    if (names.some((name) => name.includes("transformer.layers.2.")))
      throw this.#unknown("it has more than two layers");
    for (const layer of [0, 1]) this.#producer(this.projection(`layers.${layer}.mlp.lin2`).input, "Relu");
  }

  #parameter(end: string): string {
    for (const name of this.#constants.keys()) if (name === end || name.endsWith(`.${end}`)) return name;
    throw this.#unknown(`it has no parameter "${end}"`);
  }

  #dims(name: string): number[] {
    return (this.#constants.get(name)?.dims ?? []).map(Number);
  }

  #consumer(tensor: string, op?: string): NodeProto {
    const found = (this.#graph.node ?? []).filter(
      (node) => node.input?.includes(tensor) && (op === undefined || node.opType === op),
    );
    if (found.length !== 1) throw this.#unknown(`"${tensor}" is read by ${found.length} nodes, not by one`);
    return found[0]!;
  }

  #outputOf(parameter: string): string {
    return this.#consumer(parameter).output?.[0] ?? "";
  }

  #producer(tensor: string, op: string): NodeProto {
    const node = this.#producers.get(tensor);
    if (node?.opType === op) return node;
    throw this.#unknown(`"${tensor}" is made by ${node?.opType ?? "nothing"}, not by ${op}`);
  }

  #otherInput(node: NodeProto, one: string): string {
    const [other, ...more] = (node.input ?? []).filter((name) => name !== one);
    if (other === undefined || more.length > 0) throw this.#unknown(`${node.name} has not two inputs`);
    return other;
  }

  /** As it was before its axes were moved or repeated; what depends on no input stays as it is. */
  #beforeLayout(tensor: string): string {
    let name = tensor;
    for (;;) {
      const node = this.#producers.get(name);
      if (!node || !layingOut.has(node.opType ?? "") || !this.#dependsOnInputs(name)) return name;
      name = node.input?.[0] ?? "";
    }
  }

  #dependsOnInputs(tensor: string): boolean {
    const inputs = (this.#graph.input ?? []).map(({ name }) => name ?? "");
    const behind = nodesNeededFor([tensor], this.#producers);
    return [...behind].some((node) => referencedNames(node).some((name) => inputs.includes(name)));
  }

  /** Of a sum of products the constant that one of them has as a factor. */
  #constantFactor(sum: NodeProto): string {
    for (const name of sum.input ?? []) {
      const product = this.#producers.get(name);
      const found = product?.opType === "Mul" && product.input?.find((factor) => this.#constants.has(factor));
      if (found) return found;
    }
    throw this.#unknown("what stands for no mask was not found");
  }

  #unknown(reason: string): RefineError {
    return new RefineError("model-manifest", `${this.#origin} is no cut SAM decoder of the known form: ${reason}.`, {
      hint: "Use it as it is; only its speed suffers.",
      details: { origin: this.#origin, reason },
    });
  }
}

function floatsOf(tensor: TensorProto | undefined): Float32Array {
  // A copy, since the file's bytes need not be aligned.
  if (tensor?.rawData?.length) return new Float32Array(new Uint8Array(tensor.rawData).buffer);
  return Float32Array.from(tensor?.floatData ?? []);
}
