import { sha256Hex } from "@samrefine/models";
import type { StoredEmbedding, StoredTensor } from "./embedding.ts";

const format = "samrefine-embedding/1";

interface Header {
  readonly format: typeof format;
  /** Of all that follows the header. */
  readonly sha256: string;
  readonly tensors: readonly {
    readonly name: string;
    readonly type: "float16" | "float32";
    readonly dims: readonly number[];
  }[];
}

/**
 * One embedding as bytes: length of the header (uint32, little-endian), header (JSON, filled up with blanks to a multiple of
 * four), tensors one after the other. The header holds names, types, dims and the digest of all that follows it, and nothing
 * of where the image came from.
 */
export async function embeddingToBytes({ tensors }: StoredEmbedding): Promise<Uint8Array<ArrayBuffer>> {
  const entries = Object.entries(tensors);
  const payload = new Uint8Array(entries.reduce((sum, [, { data }]) => sum + padded(data.byteLength), 0));
  let offset = 0;
  for (const [, { data }] of entries) {
    payload.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), offset);
    offset += padded(data.byteLength);
  }
  const header: Header = {
    format,
    sha256: await sha256Hex(payload),
    tensors: entries.map(([name, { data, dims }]) => ({
      name,
      type: data instanceof Uint16Array ? "float16" : "float32",
      dims,
    })),
  };
  const json = JSON.stringify(header);
  const text = new TextEncoder().encode(json.padEnd(padded(json.length)));
  const result = new Uint8Array(4 + text.length + payload.length);
  new DataView(result.buffer).setUint32(0, text.length, true);
  result.set(text, 4);
  result.set(payload, 4 + text.length);
  return result;
}

/** undefined when the bytes are not whole: a file that was cut short, damaged, or written by another version. */
export async function embeddingFromBytes(bytes: Uint8Array): Promise<StoredEmbedding | undefined> {
  if (bytes.length < 4) return undefined;
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
  if (4 + length > bytes.length) return undefined;
  const header = parseHeader(bytes.subarray(4, 4 + length));
  if (!header) return undefined;
  // A copy of its own, aligned for the typed arrays over it; slice() of a Node Buffer would copy nothing.
  const payload = new Uint8Array(bytes.subarray(4 + length));
  if ((await sha256Hex(payload)) !== header.sha256) return undefined;
  const tensors: Record<string, StoredTensor> = {};
  let offset = 0;
  for (const { name, type, dims } of header.tensors) {
    const count = dims.reduce((product, dim) => product * dim, 1);
    const size = padded(count * (type === "float16" ? 2 : 4));
    if (offset + size > payload.length) return undefined;
    const data =
      type === "float16"
        ? new Uint16Array(payload.buffer, offset, count)
        : new Float32Array(payload.buffer, offset, count);
    tensors[name] = { data, dims };
    offset += size;
  }
  return { tensors };
}

function padded(bytes: number): number {
  return Math.ceil(bytes / 4) * 4;
}

/** The header's own tensors are believed once the digest holds: only this module writes this format. */
function parseHeader(bytes: Uint8Array): Header | undefined {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(bytes));
    const isOurs = typeof value === "object" && value !== null && "format" in value && value.format === format;
    return isOurs ? (value as Header) : undefined;
  } catch {
    return undefined;
  }
}
