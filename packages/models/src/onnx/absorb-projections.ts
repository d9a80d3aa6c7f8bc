import { DecoderGraph, type Projection } from "./decoder-graph.ts";
import { referencedNames } from "./graph-walk.ts";
import { decodeModel, encodeModel, type ValueInfoProto } from "./model-proto.ts";
import { NodeWriter } from "./node-writer.ts";

const layers = 2;
/** Default of PyTorch's LayerNorm, and that of `LayerNorm2d` in `modeling/common.py`. */
const normEpsilon = 1e-5;
const imageNormEpsilon = 1e-6;
/** Up to so many tokens the absorbed form multiplies less: heads x tokens columns stand against those of a projection. */
const mostTokensAbsorbed = 16;
const maskTokens = 4;
/** One for the claims, and those of the masks; they come first. */
const tokensRead = 1 + maskTokens;
/** Taken off the score of a token that does not count, of which softmax then leaves nothing. */
const unseen = 1e9;

/**
 * Rewrites a decoder that `cutSamDecoder` made so that it computes the same with about half of the multiplications.
 * Answers differ by the order of floating-point sums alone. Outputs stay as they are; there is one more input, `token_mask`
 * [prompts, tokens]: 1 where a token of the prompt counts, 0 where it only fills up the list, so that prompts of different
 * lengths share a shape, and a run. Nothing looks at a token that is 0, whatever its place and label.
 *
 * SAM's decoder projects all 4096 places of the image again and again, to 128 channels and back, only to let 7 or so tokens
 * look at them. Multiplication is associative, so the tokens are projected instead: with q the queries of the tokens and X
 * the image, q (X Wk)ᵀ = (q Wkᵀ) Xᵀ and A (X Wv) = (A X) Wv, head by head, and likewise where the image asks the tokens. With
 * many tokens, where that would not pay, the image is projected as before. The transposed convolutions, whose windows do not
 * overlap, become matrix products that leave the channels last, where a norm is one operation; places are put in order when
 * only the four masks are left. Without a mask as prompt nothing of a mask is computed, and the image is not repeated for
 * every prompt of a batch.
 *
 * @see segment_anything/modeling/mask_decoder.py and transformer.py for what is computed.
 * @throws RefineError `model-manifest` when the graph is not as it has to be; the decoder can be used as it is.
 */
export function absorbProjections(bytes: Uint8Array, origin = "the SAM decoder"): Uint8Array<ArrayBuffer> {
  const model = decodeModel(bytes, origin);
  const source = new DecoderGraph(model.graph, origin);
  const writer = new NodeWriter("/absorbed");
  const image = writeImage(writer, source);
  const tokenCount = writer.op("Gather", [writer.op("Shape", [source.tokens]), writer.integers(1)]);
  const hidden = writeHidden(writer);
  const [answers = "", places = ""] = writer.choose(
    writer.op("Less", [tokenCount, writer.integers(mostTokensAbsorbed + 1)]),
    (body) => writeTransformer(body, source, { ...image, hidden }, absorbedAttention(body, source, hidden)),
    (body) => writeTransformer(body, source, { ...image, hidden }, plainAttention(body, source, hidden)),
  );
  const upscaled = writeUpscaling(writer, source, places);
  const ending = new NodeWriter("/masks");
  writeMasks(ending, source, upscaled);

  const inputs = source.nodesFor([source.tokens, source.placeEncoding]);
  const readings = source
    .nodesFor([source.maskWeights, "iou_predictions"], [source.answers])
    .filter((node) => !inputs.includes(node))
    .map((node) => ({ ...node, input: (node.input ?? []).map((name) => (name === source.answers ? answers : name)) }));
  const nodes = [...inputs, ...writer.nodes, ...readings, ...ending.nodes];
  const used = new Set(nodes.flatMap((node) => referencedNames(node)));
  const constants = [...(model.graph.initializer ?? []), ...writer.constants, ...ending.constants];
  return encodeModel({
    ...model,
    graph: {
      ...model.graph,
      node: nodes,
      initializer: constants.filter(({ name }) => used.has(name ?? "")),
      input: [...(model.graph.input ?? []), tokenMask],
    },
  });
}

const tokenMask: ValueInfoProto = {
  name: "token_mask",
  type: { tensorType: { elemType: 1, shape: { dim: [{ dimParam: "prompts" }, { dimParam: "tokens" }] } } },
};

/** [prompts, 1, tokens, the decoder's own among them], to be added to scores: 0 where a token counts. */
function writeHidden(writer: NodeWriter): string {
  const fillers = writer.op("Sub", ["token_mask", writer.floats(Float32Array.of(1))]);
  const ofPrompt = writer.op("Mul", [fillers, writer.floats(Float32Array.of(unseen))]);
  return writer.reshape(writer.op("Pad", [ofPrompt, writer.integers(0, tokensRead, 0, 0)]), 0, 1, -1);
}

/** [prompts or 1, places, channels]: the embedding with the masks' part, and the encoding of the places. */
interface ImageTokens {
  readonly image: string;
  readonly encoding: string;
}

function writeImage(writer: NodeWriter, source: DecoderGraph): ImageTokens {
  const { channels } = source;
  const [dense = ""] = writer.choose(
    writer.op("Greater", ["has_mask_input", writer.floats(Float32Array.of(0.5))]),
    (body) => {
      body.nodes.push(...source.nodesFor([source.dense]));
      return [body.reshape(source.dense, 0, channels, -1)];
    },
    (body) => [body.reshape(source.noMask, 1, channels, 1)],
  );
  const embedding = writer.reshape("image_embeddings", 1, channels, -1);
  return {
    image: writer.transpose(writer.op("Add", [embedding, dense]), 0, 2, 1),
    encoding: writer.transpose(writer.reshape(source.placeEncoding, 1, channels, -1), 0, 2, 1),
  };
}

/** How tokens and image look at each other; both return what the attention gives, before it is added to anything. */
interface CrossAttention {
  tokensToImage(name: string, tokens: string, imageAndPlace: string, image: string): string;
  imageToTokens(name: string, tokensAndPrompt: string, tokens: string, imageAndPlace: string): string;
}

/** @see transformer.py `TwoWayTransformer.forward` and `TwoWayAttentionBlock.forward` */
function writeTransformer(
  writer: NodeWriter,
  source: DecoderGraph,
  { image, encoding, hidden }: ImageTokens & { readonly hidden: string },
  attention: CrossAttention,
): readonly [tokens: string, image: string] {
  const add = (a: string, b: string) => writer.op("Add", [a, b]);
  const norm = (x: string, name: string) => writeNorm(writer, x, source, name);
  const linear = (x: string, name: string) => writeLinear(writer, x, source.projection(name));
  const prompt = source.tokens;
  let tokens = prompt;
  let places = image;
  for (let layer = 0; layer < layers; layer++) {
    const at = `layers.${layer}`;
    const asking = layer === 0 ? tokens : add(tokens, prompt);
    const looked = attend(writer, source, `${at}.self_attn`, { asking, asked: asking, values: tokens, hidden });
    tokens = norm(layer === 0 ? looked : add(tokens, looked), `${at}.norm1`);
    const located = add(places, encoding);
    const seen = attention.tokensToImage(`${at}.cross_attn_token_to_image`, add(tokens, prompt), located, places);
    tokens = norm(add(tokens, seen), `${at}.norm2`);
    const active = writer.op("Relu", [linear(tokens, `${at}.mlp.lin1`)]);
    tokens = norm(add(tokens, linear(active, `${at}.mlp.lin2`)), `${at}.norm3`);
    const told = attention.imageToTokens(`${at}.cross_attn_image_to_token`, add(tokens, prompt), tokens, located);
    places = writePlaceNorm(writer, add(places, told), source, `${at}.norm4`);
  }
  // The prompt has had its say: only the tokens that are read look a last time.
  const read = (x: string) =>
    writer.op("Slice", [x, writer.integers(0), writer.integers(tokensRead), writer.integers(1)]);
  const located = add(places, encoding);
  const seen = attention.tokensToImage("final_attn_token_to_image", read(add(tokens, prompt)), located, places);
  return [norm(add(read(tokens), seen), "norm_final_attn"), places];
}

interface Attention {
  readonly asking: string;
  readonly asked: string;
  readonly values: string;
  /** {@link writeHidden} for what is asked; none when all of it counts. */
  readonly hidden?: string;
}

/** Multi-head attention with all its projections: what is asking for, what is asked, and the values that come of it. */
function attend(
  writer: NodeWriter,
  source: DecoderGraph,
  name: string,
  { asking, asked, values, hidden }: Attention,
): string {
  const of = (part: string) => source.projection(`${name}.${part}`);
  const part = (x: string, by: Projection) => splitHeads(writer, writeLinear(writer, x, by), source.heads);
  const size = of("q_proj").to / source.heads;
  const scores = attentionScores(writer, part(asking, of("q_proj")), part(asked, of("k_proj")), size);
  const visible = hidden === undefined ? scores : writer.op("Add", [scores, writer.reshape(hidden, 0, 1, 1, -1)]);
  const weights = writer.op("Softmax", [visible], { axis: { int: -1 } });
  const seen = joinHeads(writer, writer.op("MatMul", [weights, part(values, of("v_proj"))]));
  return writeLinear(writer, seen, of("out_proj"));
}

/** As it is written in transformer.py: keys, values and queries of all places. */
function plainAttention(writer: NodeWriter, source: DecoderGraph, hidden: string): CrossAttention {
  return {
    tokensToImage: (name, asking, asked, values) => attend(writer, source, name, { asking, asked, values }),
    imageToTokens: (name, asked, values, asking) => attend(writer, source, name, { asking, asked, values, hidden }),
  };
}

/** The same with the projections of the places moved to the tokens. */
function absorbedAttention(writer: NodeWriter, source: DecoderGraph, hidden: string): CrossAttention {
  const { channels, heads } = source;
  const perHead = (x: string, by: Projection) => splitHeads(writer, writeLinear(writer, x, by), source.heads);
  /** [heads, size, channels]: a projection's weight, one matrix per head, to be multiplied with what was projected. */
  const weightOf = ({ weight, from, to }: Projection, scale: number) => {
    const values = source.values(weight);
    const size = to / heads;
    const data = new Float32Array(values.length);
    for (let i = 0; i < from; i++) {
      for (let j = 0; j < to; j++) data[j * from + i] = values[i * to + j]! * scale;
    }
    return writer.floats(data, [heads, size, from]);
  };
  return {
    tokensToImage(name, asking, located, image) {
      const of = (part: string) => source.projection(`${name}.${part}`);
      const [q, k, v, out] = [of("q_proj"), of("k_proj"), of("v_proj"), of("out_proj")];
      const scale = 1 / Math.sqrt(q.to / heads);
      // The bias of the keys adds the same to all places, which softmax takes away again.
      const queries = joinRows(writer, writer.op("MatMul", [perHead(asking, q), weightOf(k, scale)]), channels);
      const scores = writer.op("MatMul", [queries, writer.transpose(located, 0, 2, 1)]);
      const seen = writer.op("MatMul", [writer.op("Softmax", [scores], { axis: { int: -1 } }), image]);
      const seenByHead = writer.reshape(seen, 0, heads, -1, channels);
      const values = joinHeads(
        writer,
        writer.op("MatMul", [seenByHead, writer.op("Transpose", [weightOf(v, 1)], { perm: { ints: [0, 2, 1] } })]),
      );
      return writeLinear(writer, writer.op("Add", [values, v.bias]), out);
    },
    imageToTokens(name, asked, tokens, located) {
      const of = (part: string) => source.projection(`${name}.${part}`);
      const [q, k, v, out] = [of("q_proj"), of("k_proj"), of("v_proj"), of("out_proj")];
      const scale = 1 / Math.sqrt(q.to / heads);
      const keys = perHead(asked, k);
      const keysAsked = joinRows(writer, writer.op("MatMul", [keys, weightOf(q, scale)]), channels);
      const bias = writer.floats(
        source.values(q.bias).map((value) => value * scale),
        [heads, q.to / heads, 1],
      );
      const ofTokens = writer.op("Add", [writer.reshape(writer.op("MatMul", [keys, bias]), 0, heads, -1), hidden]);
      const offset = writer.reshape(ofTokens, 0, 1, -1);
      const scores = writer.op("Add", [writer.op("MatMul", [located, writer.transpose(keysAsked, 0, 2, 1)]), offset]);
      const weights = writer.op("Softmax", [writer.reshape(scores, 0, 0, heads, -1)], { axis: { int: -1 } });
      const outOfHeads = writer.floats(source.values(out.weight), [heads, out.from / heads, out.to]);
      // The weights of a head add up to 1: a bias on what one head tells is the bias of the sum, on far fewer rows.
      const biasOfFirst = new Float32Array(heads * out.to);
      biasOfFirst.set(source.values(out.bias));
      const toldByHead = writer.op("Add", [
        writer.op("MatMul", [perHead(tokens, v), outOfHeads]),
        writer.floats(biasOfFirst, [heads, 1, out.to]),
      ]);
      return writer.op("MatMul", [writer.reshape(weights, 0, 0, -1), joinRows(writer, toldByHead, channels)]);
    },
  };
}

/** Places [prompts, rows x columns, channels] to [prompts, places x 16, fewer channels]: the 4 x 4 pixels of a place follow it. */
function writeUpscaling(writer: NodeWriter, source: DecoderGraph, places: string): string {
  const [first, second] = [windowProduct(source, 0), windowProduct(source, 3)];
  centre(first.weight, first.to);
  centre(first.bias, first.to);
  const up = (x: string, { weight, from, to }: WindowProduct) =>
    writer.reshape(writer.op("MatMul", [x, writer.floats(weight, [from, 4 * to])]), 0, -1, to);
  const { scale, bias } = source.upscalingNorm();
  const raised = writer.op("Add", [up(places, first), writer.floats(first.bias)]);
  // What has no mean is normed by its root mean square, which runtimes compute many times faster than a whole norm.
  const normed = writer.op("SimplifiedLayerNormalization", [raised, writer.floats(source.values(scale))], {
    axis: { int: -1 },
    epsilon: { float: imageNormEpsilon },
  });
  const shifted = writer.op("Add", [normed, writer.floats(source.values(bias))]);
  return gelu(writer, writer.op("Add", [up(gelu(writer, shifted), second), writer.floats(second.bias)]));
}

/** A transposed convolution whose windows do not overlap: [from, 4 pixels x to], and a bias [to] for every pixel. */
interface WindowProduct {
  readonly weight: Float32Array;
  readonly bias: Float32Array;
  readonly from: number;
  readonly to: number;
}

function windowProduct(source: DecoderGraph, index: 0 | 3): WindowProduct {
  const { kernel, bias, from, to } = source.upscaling(index);
  const values = source.values(kernel);
  // [from, to, pixel] to [from, pixel, to].
  const weight = Float32Array.from(values, (_, i) => {
    const [input, pixel, output] = [Math.floor(i / (4 * to)), Math.floor(i / to) % 4, i % to];
    return values[(input * to + output) * 4 + pixel]!;
  });
  return { weight, bias: source.values(bias), from, to };
}

/** Takes the mean off every `length` values: of a product's weights and bias, it takes the mean off what they make. */
function centre(values: Float32Array, length: number): void {
  for (let start = 0; start < values.length; start += length) {
    const group = values.subarray(start, start + length);
    const mean = group.reduce((sum, value) => sum + value, 0) / length;
    for (let i = 0; i < length; i++) group[i] = group[i]! - mean;
  }
}

/** The masks, with their pixels in order: [prompts, 4, rows, columns]. */
function writeMasks(writer: NodeWriter, source: DecoderGraph, upscaled: string): void {
  const product = writer.op("MatMul", [source.maskWeights, writer.transpose(upscaled, 0, 2, 1)]);
  const { side } = source;
  // Axes: row and column of the place; row and column in its first window; the four pixels of the second.
  const first = writer.transpose(writer.reshape(product, -1, side, side, 2, 2, 4), 0, 1, 3, 2, 4, 5);
  const second = writer.transpose(writer.reshape(first, -1, 2 * side, 2, 2), 0, 2, 1, 3);
  writer.op("Reshape", [second, writer.integers(-1, maskTokens, 4 * side, 4 * side)], {}, "low_res_masks");
}

function writeLinear(writer: NodeWriter, x: string, { weight, bias }: Projection): string {
  return writer.op("Add", [writer.op("MatMul", [x, weight]), bias]);
}

function writeNorm(writer: NodeWriter, x: string, source: DecoderGraph, name: string): string {
  const { scale, bias } = source.norm(name);
  return writer.op("LayerNormalization", [x, scale, bias], { axis: { int: -1 }, epsilon: { float: normEpsilon } });
}

/**
 * The norm of places [prompts, places, channels] over their channels. To InstanceNormalization a place is a channel and its
 * channels are space: on a CPU a third of the time of LayerNormalization, scale and bias included.
 */
function writePlaceNorm(writer: NodeWriter, x: string, source: DecoderGraph, name: string): string {
  const { scale, bias } = source.norm(name);
  const places = source.side ** 2;
  const normed = writer.op(
    "InstanceNormalization",
    [x, writer.floats(new Float32Array(places).fill(1)), writer.floats(new Float32Array(places))],
    { epsilon: { float: normEpsilon } },
  );
  return writer.op("Add", [writer.op("Mul", [normed, scale]), bias]);
}

/** As PyTorch exports it, which runtimes know and fuse. */
function gelu(writer: NodeWriter, x: string): string {
  const scalar = (value: number) => writer.floats(Float32Array.of(value), []);
  const erf = writer.op("Erf", [writer.op("Div", [x, scalar(Math.SQRT2)])]);
  return writer.op("Mul", [writer.op("Mul", [x, writer.op("Add", [erf, scalar(1)])]), scalar(0.5)]);
}

/** [prompts, n, heads x size] to [prompts, heads, n, size]. */
function splitHeads(writer: NodeWriter, x: string, heads: number): string {
  return writer.transpose(writer.reshape(x, 0, 0, heads, -1), 0, 2, 1, 3);
}

/** [prompts, heads, n, size] to [prompts, n, heads x size]. */
function joinHeads(writer: NodeWriter, x: string): string {
  return writer.reshape(writer.transpose(x, 0, 2, 1, 3), 0, 0, -1);
}

/** [prompts, heads, n, width] to [prompts, heads x n, width]. */
function joinRows(writer: NodeWriter, x: string, width: number): string {
  return writer.reshape(x, 0, -1, width);
}

/** q kᵀ / √size. */
function attentionScores(writer: NodeWriter, queries: string, keys: string, size: number): string {
  const scores = writer.op("MatMul", [queries, writer.transpose(keys, 0, 1, 3, 2)]);
  return writer.op("Mul", [scores, writer.floats(Float32Array.of(1 / Math.sqrt(size)), [])]);
}
