import {
  absorbedAttention,
  attend,
  type CrossAttention,
  centre,
  type ImageSide,
  type Places,
  plainAttention,
  preparedAttention,
  writeImageSide,
  writeLinear,
} from "./decoder-attention.ts";
import { DecoderGraph, type Norm } from "./decoder-graph.ts";
import { referencedNames } from "./graph-walk.ts";
import { decodeModel, encodeModel, type ValueInfoProto } from "./model-proto.ts";
import { NodeWriter } from "./node-writer.ts";

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

/** An {@link ImageSide} as a run is given it, one long in every axis where there is none, and as a run answers that made it. */
const imageSides = {
  given: imageSide("image"),
  made: imageSide("made_image"),
} as const;

function imageSide(prefix: string): ImageSide {
  const [places, keys, queries, values] = ["places", "keys", "queries", "values"].map((part) => `${prefix}_${part}`);
  return { places: places!, keys: keys!, queries: queries!, values: values! };
}

/**
 * Rewrites a decoder that `cutSamDecoder` made so that it computes the same with less than half of the multiplications.
 * Answers differ by the order of floating-point sums alone. The outputs of the cut decoder stay as they are. There is one more
 * input, `token_mask` [prompts, tokens]: 1 where a token of the prompt counts, 0 where it only fills up the list, so that
 * prompts of different lengths share a shape, and a run. Nothing looks at a token that is 0, whatever its place and label.
 *
 * SAM's decoder projects all 4096 places of the image again and again, to 128 channels and back, only to let 7 or so tokens
 * look at them. Multiplication is associative, so the tokens are projected instead: with q the queries of the tokens and X
 * the image, q (X Wk)ᵀ = (q Wkᵀ) Xᵀ and A (X Wv) = (A X) Wv, head by head, and likewise where the image asks the tokens. With
 * many tokens, where that would not pay, the image is projected as before.
 *
 * In the first layer, and without a mask as prompt, those projections depend on the image alone. The first run on an image
 * answers with them, as `made_image_places`, `made_image_keys`, `made_image_queries` and `made_image_values`, when it is given
 * tensors of one element as `image_places` (three axes) and `image_keys`, `image_queries` and `image_values` (four); further
 * runs are given what was made, and answer with one element each. With a mask they are neither used nor made.
 *
 * The transposed convolutions, whose windows do not overlap, become matrix products that leave the channels last, where a norm
 * is one operation; places are put in order when only the four masks are left. Without a mask as prompt nothing of a mask is
 * computed, and the image is not repeated for every prompt of a batch.
 *
 * @see segment_anything/modeling/mask_decoder.py and transformer.py for what is computed.
 * @throws RefineError `model-manifest` when the graph is not as it has to be; the decoder can be used as it is.
 */
export function absorbProjections(bytes: Uint8Array, origin = "the SAM decoder"): Uint8Array<ArrayBuffer> {
  const model = decodeModel(bytes, origin);
  const source = new DecoderGraph(model.graph, origin);
  const writer = new NodeWriter("/absorbed");
  const common = writeCommon(writer, source);
  const places = writeTransformer(writer, source, common);
  const upscaled = writeUpscaling(writer, source, places.image);
  const ending = new NodeWriter("/masks");
  writeMasks(ending, source, upscaled);

  const inputs = source.nodesFor([source.tokens, source.placeEncoding]);
  const renamed = (name: string) => (name === source.answers ? places.tokens : name);
  const readings = source
    .nodesFor([source.maskWeights, "iou_predictions"], [source.answers])
    .filter((node) => !inputs.includes(node))
    .map((node) => ({ ...node, input: (node.input ?? []).map(renamed) }));
  const nodes = [...inputs, ...writer.nodes, ...readings, ...ending.nodes];
  const used = new Set(nodes.flatMap((node) => referencedNames(node)));
  const constants = [...(model.graph.initializer ?? []), ...writer.constants, ...ending.constants];
  return encodeModel({
    ...model,
    graph: {
      ...model.graph,
      node: nodes,
      initializer: constants.filter(({ name }) => used.has(name ?? "")),
      input: [
        ...(model.graph.input ?? []),
        floatTensor("token_mask", ["prompts", "tokens"]),
        ...tensorsOf(imageSides.given, "places"),
      ],
      output: [...(model.graph.output ?? []), ...tensorsOf(imageSides.made, "made_places")],
    },
  });
}

/** The axes are free, since where nothing was made they are one long. */
function tensorsOf(side: ImageSide, places: string): readonly ValueInfoProto[] {
  return [
    floatTensor(side.places, ["one", places, "channels"]),
    floatTensor(side.keys, ["one", "heads", "size", places]),
    floatTensor(side.queries, ["one", "heads", "size", places]),
    floatTensor(side.values, ["one", "heads", places, "size"]),
  ];
}

function floatTensor(name: string, axes: readonly string[]): ValueInfoProto {
  return { name, type: { tensorType: { elemType: 1, shape: { dim: axes.map((dimParam) => ({ dimParam })) } } } };
}

/** What both layers know; names of tensors. */
interface Common {
  /** bool: whether the tokens are so few that it pays to project them instead of the places. */
  readonly isFew: string;
  /** [prompts, 1, tokens, the decoder's own among them], to be added to scores: 0 where a token counts. */
  readonly hidden: string;
  /** The encoding of the places, [1, places, channels]. */
  readonly encoding: string;
}

/** [prompts, tokens, channels] and [prompts or 1, places, channels]. */
interface Stream {
  readonly tokens: string;
  readonly image: string;
}

function writeCommon(writer: NodeWriter, source: DecoderGraph): Common {
  const tokenCount = writer.op("Gather", [writer.op("Shape", [source.tokens]), writer.integers(1)]);
  const fillers = writer.op("Sub", ["token_mask", writer.floats(Float32Array.of(1))]);
  const ofPrompt = writer.op("Mul", [fillers, writer.floats(Float32Array.of(unseen))]);
  return {
    isFew: writer.op("Less", [tokenCount, writer.integers(mostTokensAbsorbed + 1)]),
    hidden: writer.reshape(writer.op("Pad", [ofPrompt, writer.integers(0, tokensRead, 0, 0)]), 0, 1, -1),
    encoding: writer.transpose(writer.reshape(source.placeEncoding, 1, source.channels, -1), 0, 2, 1),
  };
}

/** @see transformer.py `TwoWayTransformer.forward` and `TwoWayAttentionBlock.forward` */
function writeTransformer(writer: NodeWriter, source: DecoderGraph, common: Common): Stream {
  const prompt = source.tokens;
  const { isFew, hidden } = common;
  const looked = attend(writer, source, "layers.0.self_attn", {
    asking: prompt,
    asked: prompt,
    values: prompt,
    hidden,
  });
  const first = writeFirstLayer(writer, source, common, writeNorm(writer, looked, source, "layers.0.norm1"));
  const rest = (attentionOf: typeof plainAttention) => (body: NodeWriter) => {
    const { tokens, image } = writeRest(body, source, common, first, attentionOf);
    return [tokens, image];
  };
  const [tokens = "", image = ""] = writer.choose(isFew, rest(absorbedAttention), rest(plainAttention));
  return { tokens, image };
}

/**
 * With a mask the image is another for every prompt; without one, what the layer needs of it is given, or made and answered.
 * @param tokens after they have looked at each other.
 */
function writeFirstLayer(writer: NodeWriter, source: DecoderGraph, common: Common, tokens: string): Stream {
  const { isFew, hidden, encoding } = common;
  const { given, made } = imageSides;
  const placesWith = (body: NodeWriter, dense: string): Places => {
    const embedding = body.reshape("image_embeddings", 1, source.channels, -1);
    const image = body.transpose(body.op("Add", [embedding, dense]), 0, 2, 1);
    return { image, located: body.op("Add", [image, encoding]) };
  };
  const withSide = (body: NodeWriter, side: ImageSide): string[] => {
    const attention = preparedAttention(body, source, side, { hidden, isFew });
    const [answers, told] = writeCrossing(body, source, "layers.0", tokens, attention);
    return [answers, writeCentredNorm(body, body.op("Add", [side.places, told]), source.norm("layers.0.norm4"))];
  };
  const nothingMade = [1, 2, 3, 4].map((part) =>
    writer.floats(Float32Array.of(0), part === 1 ? [1, 1, 1] : [1, 1, 1, 1]),
  );
  const [answers = "", image = ""] = writer.choose(
    writer.op("Greater", ["has_mask_input", writer.floats(Float32Array.of(0.5))]),
    (masked) => {
      masked.nodes.push(...source.nodesFor([source.dense]));
      const places = placesWith(masked, masked.reshape(source.dense, 0, source.channels, -1));
      const layer = (attentionOf: typeof plainAttention) => (body: NodeWriter) => {
        const attention = attentionOf(body, source, places, hidden);
        const [own, told] = writeCrossing(body, source, "layers.0", tokens, attention);
        return [own, writePlaceNorm(body, body.op("Add", [places.image, told]), source, "layers.0.norm4")];
      };
      return [...masked.choose(isFew, layer(absorbedAttention), layer(plainAttention)), ...nothingMade];
    },
    (unmasked) =>
      unmasked.choose(
        writer.op("Greater", [
          writer.op("Gather", [writer.op("Shape", [given.places]), writer.integers(1)]),
          writer.integers(1),
        ]),
        (body) => [...withSide(body, given), ...nothingMade],
        (body) => {
          const places = placesWith(body, body.reshape(source.noMask, 1, source.channels, 1));
          const side = writeImageSide(body, source, places);
          return [...withSide(body, side), side.places, side.keys, side.queries, side.values];
        },
      ),
    ["/absorbed/first_tokens", "/absorbed/first_image", made.places, made.keys, made.queries, made.values],
  );
  return { tokens: answers, image };
}

/** The second layer, and the last look at the image. */
function writeRest(
  writer: NodeWriter,
  source: DecoderGraph,
  { hidden, encoding }: Common,
  { tokens: before, image }: Stream,
  attentionOf: typeof plainAttention,
): Stream {
  const prompt = source.tokens;
  const add = (a: string, b: string) => writer.op("Add", [a, b]);
  const at = "layers.1";
  const asking = add(before, prompt);
  const looked = attend(writer, source, `${at}.self_attn`, { asking, asked: asking, values: before, hidden });
  const own = writeNorm(writer, add(before, looked), source, `${at}.norm1`);
  const second = attentionOf(writer, source, { image, located: add(image, encoding) }, hidden);
  const [tokens, told] = writeCrossing(writer, source, at, own, second);
  const places = writePlaceNorm(writer, add(image, told), source, `${at}.norm4`);
  // The prompt has had its say: only the tokens that are read look a last time.
  const read = (x: string) =>
    writer.op("Slice", [x, writer.integers(0), writer.integers(tokensRead), writer.integers(1)]);
  const last = attentionOf(writer, source, { image: places, located: add(places, encoding) }, hidden);
  const seen = last.tokensToImage("final_attn_token_to_image", read(add(tokens, prompt)));
  return { tokens: writeNorm(writer, add(read(tokens), seen), source, "norm_final_attn"), image: places };
}

/** A layer from the tokens' look at the image on. @returns the tokens, and what the places are told, which is still to be added. */
function writeCrossing(
  writer: NodeWriter,
  source: DecoderGraph,
  layer: string,
  own: string,
  attention: CrossAttention,
): [tokens: string, told: string] {
  const add = (a: string, b: string) => writer.op("Add", [a, b]);
  const prompt = source.tokens;
  const seen = attention.tokensToImage(`${layer}.cross_attn_token_to_image`, add(own, prompt));
  const informed = writeNorm(writer, add(own, seen), source, `${layer}.norm2`);
  const active = writer.op("Relu", [writeLinear(writer, informed, source.projection(`${layer}.mlp.lin1`))]);
  const thought = writeLinear(writer, active, source.projection(`${layer}.mlp.lin2`));
  const tokens = writeNorm(writer, add(informed, thought), source, `${layer}.norm3`);
  return [tokens, attention.imageToTokens(`${layer}.cross_attn_image_to_token`, add(tokens, prompt), tokens)];
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

/** The masks, with their pixels in order: [prompts, 4, rows, columns]. */
function writeMasks(writer: NodeWriter, source: DecoderGraph, upscaled: string): void {
  const product = writer.op("MatMul", [source.maskWeights, writer.transpose(upscaled, 0, 2, 1)]);
  const { side } = source;
  // Axes: row and column of the place; row and column in its first window; the four pixels of the second.
  const first = writer.transpose(writer.reshape(product, -1, side, side, 2, 2, 4), 0, 1, 3, 2, 4, 5);
  const second = writer.transpose(writer.reshape(first, -1, 2 * side, 2, 2), 0, 2, 1, 3);
  writer.op("Reshape", [second, writer.integers(-1, maskTokens, 4 * side, 4 * side)], {}, "low_res_masks");
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

/** The norm of places that have no mean over their channels: their root mean square is all that is left of it. */
function writeCentredNorm(writer: NodeWriter, x: string, { scale, bias }: Norm): string {
  const attributes = { axis: { int: -1 }, epsilon: { float: normEpsilon } };
  return writer.op("Add", [writer.op("SimplifiedLayerNormalization", [x, scale], attributes), bias]);
}

/** As PyTorch exports it, which runtimes know and fuse. */
function gelu(writer: NodeWriter, x: string): string {
  const scalar = (value: number) => writer.floats(Float32Array.of(value), []);
  const erf = writer.op("Erf", [writer.op("Div", [x, scalar(Math.SQRT2)])]);
  return writer.op("Mul", [writer.op("Mul", [x, writer.op("Add", [erf, scalar(1)])]), scalar(0.5)]);
}
