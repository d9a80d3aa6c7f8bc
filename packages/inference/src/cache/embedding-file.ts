import { sha256Hex } from "@samrefine/models";
import type { StoredEmbedding, StoredTensor } from "./embedding.ts";

const format = "samrefine-embedding/1";

interface Header {
  readonly format: typeof format;
  readonly tensors: readonly {
    readonly name: string;
    readonly type: "float16" | "float32";
    readonly dims: readonly number[];
  }[];
}

/** SHA-256 in hexadecimal digits, of all that follows it. */
const digestBytes = 64;
const prefixBytes = digestBytes + 4;

/**
 * One embedding as bytes: digest, length of the header (uint32, little-endian), header (JSON, filled up with blanks to a
 * multiple of four), tensors one after the other. Nothing in it says where the image came from.
 */
export async function embeddingToBytes({ tensors }: StoredEmbedding): Promise<Uint8Array<ArrayBuffer>> {
  const entries = Object.entries(tensors);
  const header: Header = {
    format,
    tensors: entries.map(([name, { data, dims }]) => ({
      name,
      type: data instanceof Uint16Array ? "float16" : "float32",
      dims,
    })),
  };
  const json = JSON.stringify(header);
  const text = new TextEncoder().encode(json.padEnd(padded(json.length)));
  const size = entries.reduce((sum, [, { data }]) => sum + padded(data.byteLength), prefixBytes + text.length);
  const result = new Uint8Array(size);
  new DataView(result.buffer).setUint32(digestBytes, text.length, true);
  result.set(text, prefixBytes);
  let offset = prefixBytes + text.length;
  for (const [, { data }] of entries) {
    result.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), offset);
    offset += padded(data.byteLength);
  }
  result.set(new TextEncoder().encode(await sha256Hex(result.subarray(digestBytes))));
  return result;
}

/** undefined when the bytes are not whole: a file that was cut short, damaged, or written by another version. */
export async function embeddingFromBytes(bytes: Uint8Array): Promise<StoredEmbedding | undefined> {
  if (bytes.length < prefixBytes) return undefined;
  const digest = new TextDecoder().decode(bytes.subarray(0, digestBytes));
  if ((await sha256Hex(bytes.subarray(digestBytes))) !== digest) return undefined;
  // A copy of its own, aligned for the typed arrays over it; slice() of a Node Buffer would copy nothing.
  const { buffer } = new Uint8Array(bytes);
  const length = new DataView(buffer).getUint32(digestBytes, true);
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(prefixBytes, prefixBytes + length))) as Header;
  if (header.format !== format) return undefined;
  const tensors: Record<string, StoredTensor> = {};
  let offset = prefixBytes + length;
  for (const { name, type, dims } of header.tensors) {
    const count = dims.reduce((product, dim) => product * dim, 1);
    const data = type === "float16" ? new Uint16Array(buffer, offset, count) : new Float32Array(buffer, offset, count);
    tensors[name] = { data, dims };
    offset += padded(data.byteLength);
  }
  return { tensors };
}

function padded(bytes: number): number {
  return Math.ceil(bytes / 4) * 4;
}
