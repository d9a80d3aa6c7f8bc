import type { DecoderGraph, Projection } from "./decoder-graph.ts";
import type { NodeWriter } from "./node-writer.ts";

/** What a layer of the transformer does with the image; both return what the attention gives, before it is added to anything. */
export interface CrossAttention {
  /** @param asking tokens with the prompt's, [prompts, tokens, channels]. */
  tokensToImage(name: string, asking: string): string;
  /** @param asked tokens with the prompt's; `tokens` without. @returns [prompts, places, channels]. */
  imageToTokens(name: string, asked: string, tokens: string): string;
}

/** The image as a layer finds it, [prompts or 1, places, channels], without and with the encoding of the places. */
export interface Places {
  readonly image: string;
  readonly located: string;
}

/**
 * What the first layer needs of an image, as long as no mask is added to it: it depends on no prompt, so that it is made once
 * for all of them. Names of tensors.
 */
export interface ImageSide {
  /** [1, places, channels]: what enters the transformer, less the mean over the channels of a place. */
  readonly places: string;
  /** [1, heads, size, places]: what the places are asked by, and what they ask with. */
  readonly keys: string;
  readonly queries: string;
  /** [1, heads, places, size]. */
  readonly values: string;
}

interface Attention {
  readonly asking: string;
  readonly asked: string;
  readonly values: string;
  /** [prompts, 1, what is asked], added to the scores; none when all of it counts. */
  readonly hidden?: string;
}

/** Multi-head attention with all its projections: what is asking for, what is asked, and the values that come of it. */
export function attend(
  writer: NodeWriter,
  source: DecoderGraph,
  name: string,
  { asking, asked, values, hidden }: Attention,
): string {
  const of = (part: string) => source.projection(`${name}.${part}`);
  const part = (x: string, by: Projection) => splitHeads(writer, writeLinear(writer, x, by), source.heads);
  const keys = writer.transpose(part(asked, of("k_proj")), 0, 1, 3, 2);
  const queries = writer.op("Mul", [part(asking, of("q_proj")), scale(writer, source, of("q_proj"))]);
  const scores = writer.op("MatMul", [queries, keys]);
  const visible = hidden === undefined ? scores : writer.op("Add", [scores, writer.reshape(hidden, 0, 1, 1, -1)]);
  const weights = writer.op("Softmax", [visible], { axis: { int: -1 } });
  const seen = joinHeads(writer, writer.op("MatMul", [weights, part(values, of("v_proj"))]));
  return writeLinear(writer, seen, of("out_proj"));
}

/** As it is written in transformer.py: keys, values and queries of all places. */
export function plainAttention(
  writer: NodeWriter,
  source: DecoderGraph,
  { image, located }: Places,
  hidden: string,
): CrossAttention {
  return {
    tokensToImage: (name, asking) => attend(writer, source, name, { asking, asked: located, values: image }),
    imageToTokens: (name, asked, values) => attend(writer, source, name, { asking: located, asked, values, hidden }),
  };
}

/** The same with the projections of the places moved to the tokens. */
export function absorbedAttention(
  writer: NodeWriter,
  source: DecoderGraph,
  { image, located }: Places,
  hidden: string,
): CrossAttention {
  const { channels, heads } = source;
  const perHead = (x: string, by: Projection) => splitHeads(writer, writeLinear(writer, x, by), heads);
  /** [heads, size, channels]: a projection's weight, one matrix per head, to be multiplied with what was projected. */
  const weightOf = ({ weight, from, to }: Projection, by: number) => {
    const values = source.values(weight);
    const data = new Float32Array(values.length);
    for (let i = 0; i < from; i++) {
      for (let j = 0; j < to; j++) data[j * from + i] = values[i * to + j]! * by;
    }
    return writer.floats(data, [heads, to / heads, from]);
  };
  return {
    tokensToImage(name, asking) {
      const of = (part: string) => source.projection(`${name}.${part}`);
      const [q, k, v, out] = [of("q_proj"), of("k_proj"), of("v_proj"), of("out_proj")];
      // The bias of the keys adds the same to all places, which softmax takes away again.
      const ofHeads = writer.op("MatMul", [perHead(asking, q), weightOf(k, scaleOf(source, q))]);
      const queries = joinRows(writer, ofHeads, channels);
      const scores = writer.op("MatMul", [queries, writer.transpose(located, 0, 2, 1)]);
      const seen = writer.op("MatMul", [writer.op("Softmax", [scores], { axis: { int: -1 } }), image]);
      const seenByHead = writer.reshape(seen, 0, heads, -1, channels);
      const values = joinHeads(
        writer,
        writer.op("MatMul", [seenByHead, writer.op("Transpose", [weightOf(v, 1)], { perm: { ints: [0, 2, 1] } })]),
      );
      return writeLinear(writer, writer.op("Add", [values, v.bias]), out);
    },
    imageToTokens(name, asked, tokens) {
      const of = (part: string) => source.projection(`${name}.${part}`);
      const [q, k, v, out] = [of("q_proj"), of("k_proj"), of("v_proj"), of("out_proj")];
      const by = scaleOf(source, q);
      const keys = perHead(asked, k);
      const keysAsked = joinRows(writer, writer.op("MatMul", [keys, weightOf(q, by)]), channels);
      const bias = writer.floats(
        source.values(q.bias).map((value) => value * by),
        [heads, q.to / heads, 1],
      );
      const ofTokens = writer.op("Add", [writer.reshape(writer.op("MatMul", [keys, bias]), 0, heads, -1), hidden]);
      const offset = writer.reshape(ofTokens, 0, 1, -1);
      const scores = writer.op("Add", [writer.op("MatMul", [located, writer.transpose(keysAsked, 0, 2, 1)]), offset]);
      const byHead = writer.reshape(scores, 0, 0, heads, -1);
      return tellByHead(writer, source, byHead, perHead(tokens, v), {
        weight: source.values(out.weight),
        bias: source.values(out.bias),
      });
    },
  };
}

/** @param image what enters the first layer. */
export function writeImageSide(writer: NodeWriter, source: DecoderGraph, { image, located }: Places): ImageSide {
  const of = (direction: string, part: string) => source.projection(`layers.0.cross_attn_${direction}.${part}`);
  const perHead = (x: string, by: Projection) => writer.reshape(writeLinear(writer, x, by), 0, 0, source.heads, -1);
  return {
    // To the pooling a place is a channel, and its channels are space.
    places: writer.op("Sub", [image, writer.op("GlobalAveragePool", [image])]),
    keys: writer.transpose(perHead(located, of("token_to_image", "k_proj")), 0, 2, 3, 1),
    queries: writer.transpose(perHead(located, of("image_to_token", "q_proj")), 0, 2, 3, 1),
    values: writer.transpose(perHead(image, of("token_to_image", "v_proj")), 0, 2, 1, 3),
  };
}

/**
 * The first layer's attention with what was made of the image beforehand. What the places are told has no mean over their
 * channels, as they have none: the sum then needs no centring before it is normed.
 *
 * @param isFew name of a bool tensor: whether the tokens are so few that their values are projected, not the places' sums.
 */
export function preparedAttention(
  writer: NodeWriter,
  source: DecoderGraph,
  side: ImageSide,
  { hidden, isFew }: { readonly hidden: string; readonly isFew: string },
): CrossAttention {
  const { heads } = source;
  const perHead = (body: NodeWriter, x: string, by: Projection) => splitHeads(body, writeLinear(body, x, by), heads);
  return {
    tokensToImage(name, asking) {
      const of = (part: string) => source.projection(`${name}.${part}`);
      const queries = writer.op("Mul", [perHead(writer, asking, of("q_proj")), scale(writer, source, of("q_proj"))]);
      const weights = writer.op("Softmax", [writer.op("MatMul", [queries, side.keys])], { axis: { int: -1 } });
      return writeLinear(writer, joinHeads(writer, writer.op("MatMul", [weights, side.values])), of("out_proj"));
    },
    imageToTokens(name, asked, tokens) {
      const of = (part: string) => source.projection(`${name}.${part}`);
      const [k, v, out] = [of("k_proj"), of("v_proj"), of("out_proj")];
      const keys = writer.op("Mul", [perHead(writer, asked, k), scale(writer, source, k)]);
      const ofTokens = writer.op("MatMul", [keys, side.queries]);
      const visible = writer.op("Add", [ofTokens, writer.reshape(hidden, 0, 1, -1, 1)]);
      // [prompts, places, heads, tokens].
      const byHead = writer.transpose(visible, 0, 3, 1, 2);
      const centred = { weight: source.values(out.weight), bias: source.values(out.bias) };
      centre(centred.weight, out.to);
      centre(centred.bias, out.to);
      const [told = ""] = writer.choose(
        isFew,
        (body) => [tellByHead(body, source, byHead, perHead(body, tokens, v), centred)],
        (body) => {
          const weights = body.op("Softmax", [body.transpose(byHead, 0, 2, 1, 3)], { axis: { int: -1 } });
          const sums = joinHeads(body, body.op("MatMul", [weights, perHead(body, tokens, v)]));
          const product = body.op("MatMul", [sums, body.floats(centred.weight, [out.from, out.to])]);
          return [body.op("Add", [product, body.floats(centred.bias)])];
        },
      );
      return told;
    },
  };
}

/**
 * What the places are told by tokens whose values went through the output's projection before they are summed up.
 *
 * @param scores [prompts, places, heads, tokens].
 * @param values [prompts, heads, tokens, size].
 * @param out the output's projection: weight [heads x size, channels], bias [channels].
 */
function tellByHead(
  writer: NodeWriter,
  { heads, channels }: DecoderGraph,
  scores: string,
  values: string,
  out: { readonly weight: Float32Array; readonly bias: Float32Array },
): string {
  const weights = writer.op("Softmax", [scores], { axis: { int: -1 } });
  const outOfHeads = writer.floats(out.weight, [heads, out.weight.length / channels / heads, channels]);
  // The weights of a head add up to 1: a bias on what one head tells is the bias of the sum, on far fewer rows.
  const biasOfFirst = new Float32Array(heads * channels);
  biasOfFirst.set(out.bias);
  const toldByHead = writer.op("Add", [
    writer.op("MatMul", [values, outOfHeads]),
    writer.floats(biasOfFirst, [heads, 1, channels]),
  ]);
  return writer.op("MatMul", [writer.reshape(weights, 0, 0, -1), joinRows(writer, toldByHead, channels)]);
}

/** Takes the mean off every `length` values: of a product's weights and bias, it takes the mean off what they make. */
export function centre(values: Float32Array, length: number): void {
  for (let start = 0; start < values.length; start += length) {
    const group = values.subarray(start, start + length);
    const mean = group.reduce((sum, value) => sum + value, 0) / length;
    for (let i = 0; i < length; i++) group[i] = group[i]! - mean;
  }
}

export function writeLinear(writer: NodeWriter, x: string, { weight, bias }: Projection): string {
  return writer.op("Add", [writer.op("MatMul", [x, weight]), bias]);
}

/** What scores are multiplied with: 1 / √size of a head. */
function scaleOf({ heads }: DecoderGraph, { to }: Projection): number {
  return 1 / Math.sqrt(to / heads);
}

function scale(writer: NodeWriter, source: DecoderGraph, projection: Projection): string {
  return writer.floats(Float32Array.of(scaleOf(source, projection)), []);
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
