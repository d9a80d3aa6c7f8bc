import { fromHalf, largestHalf, toHalf } from "@samrefine/models";

/** One tensor of an embedding; a Uint16Array holds IEEE half floats. `data.length` is the product of `dims`. */
export interface StoredTensor {
  readonly data: Float32Array | Uint16Array;
  readonly dims: readonly number[];
}

/** An image embedding by the names of the decoder's inputs; [1, 256, 64, 64] of `image_embeddings` alone for SAM. */
export interface StoredEmbedding {
  readonly tensors: Readonly<Record<string, StoredTensor>>;
}

/** The same, as a decoder is fed. */
export interface FloatTensor {
  readonly data: Float32Array;
  readonly dims: readonly number[];
}

/**
 * `float16` halves the memory and moves every value by at most one part in 2048. All that an engine decodes comes from
 * what it stores, so that an answer does not depend on whether the cache was hit.
 */
export type EmbeddingPrecision = "float32" | "float16";

export function packEmbedding(
  tensors: Readonly<Record<string, FloatTensor>>,
  precision: EmbeddingPrecision,
): StoredEmbedding {
  if (precision === "float32") return { tensors };
  const packed = Object.entries(tensors).map(([name, { data, dims }]): [string, StoredTensor] => [
    name,
    // A value that a half cannot hold would become infinite: such a tensor keeps its precision.
    { data: fitsHalf(data) ? toHalf(data) : data, dims },
  ]);
  return { tensors: Object.fromEntries(packed) };
}

export function unpackEmbedding({ tensors }: StoredEmbedding): Readonly<Record<string, FloatTensor>> {
  return Object.fromEntries(
    Object.entries(tensors).map(([name, { data, dims }]): [string, FloatTensor] => [
      name,
      { data: data instanceof Uint16Array ? fromHalf(data) : data, dims },
    ]),
  );
}

export function embeddingBytes({ tensors }: StoredEmbedding): number {
  return Object.values(tensors).reduce((sum, { data }) => sum + data.byteLength, 0);
}

function fitsHalf(values: Float32Array): boolean {
  // By index: iterating over a million values takes forty times as long.
  for (let i = 0; i < values.length; i++) if (!(Math.abs(values[i]!) <= largestHalf)) return false;
  return true;
}
