import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { ByteFolder, StoredFile } from "./byte-folder.ts";
import { diskFolder } from "./disk-folder.ts";
import { packEmbedding, type StoredEmbedding, unpackEmbedding } from "./embedding.ts";
import { EmbeddingCache } from "./embedding-cache.ts";
import { embeddingFromBytes, embeddingToBytes } from "./embedding-file.ts";
import { dayMs, StoredEmbeddings } from "./stored-embeddings.ts";
import { TieredCache } from "./tiered-cache.ts";

/** A folder whose clock and faults the test holds. */
class MemoryFolder implements ByteFolder {
  readonly files = new Map<string, { bytes: Uint8Array<ArrayBuffer>; writtenAt: number }>();
  now = 0;
  quotaBytes = Number.POSITIVE_INFINITY;
  reads = 0;
  async list(): Promise<readonly StoredFile[]> {
    return [...this.files].map(([name, { bytes, writtenAt }]) => ({ name, bytes: bytes.length, writtenAt }));
  }
  async read(name: string): Promise<Uint8Array | undefined> {
    this.reads++;
    return this.files.get(name)?.bytes;
  }
  async write(name: string, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    if (this.used + bytes.length > this.quotaBytes) throw new DOMException("no room", "QuotaExceededError");
    this.files.set(name, { bytes, writtenAt: this.now });
  }
  async remove(name: string): Promise<void> {
    this.files.delete(name);
  }
  get used(): number {
    return [...this.files.values()].reduce((sum, { bytes }) => sum + bytes.length, 0);
  }
}

const embedding = (values: readonly number[]): StoredEmbedding => ({
  tensors: { image_embeddings: { data: Float32Array.from(values), dims: [1, values.length] } },
});
const long: StoredEmbedding = embedding(new Array<number>(100).fill(1));

describe("an embedding as a file", () => {
  test("comes back as it was, in both precisions and with several tensors", async () => {
    const tensors = {
      high: { data: Float32Array.of(0.1, -2, 3), dims: [1, 3] },
      low: { data: Float32Array.of(65504, 1e-7), dims: [2] },
      wide: { data: Float32Array.of(1e6), dims: [1] },
    };
    for (const precision of ["float32", "float16"] as const) {
      const packed = packEmbedding(tensors, precision);
      expect(await embeddingFromBytes(await embeddingToBytes(packed))).toEqual(packed);
    }
    const half = packEmbedding(tensors, "float16");
    expect(half.tensors.high!.data).toBeInstanceOf(Uint16Array);
    // What a half cannot hold stays what it was.
    expect(unpackEmbedding(half).wide!.data).toEqual(Float32Array.of(1e6));
    expect(unpackEmbedding(half).high!.data[0]).toBeCloseTo(0.1, 3);
  });

  test("any damaged, missing or added byte makes it nothing, never a wrong embedding", async () => {
    const bytes = await embeddingToBytes(long);
    await fc.assert(
      fc.asyncProperty(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), async (place, change) => {
        const damaged = bytes.slice();
        damaged[place] = damaged[place]! ^ change;
        expect(await embeddingFromBytes(damaged)).toBeUndefined();
        expect(await embeddingFromBytes(bytes.subarray(0, place))).toBeUndefined();
      }),
      { numRuns: 60 },
    );
    expect(await embeddingFromBytes(Uint8Array.of(...bytes, 0, 0, 0, 0))).toBeUndefined();
  });
});

describe("StoredEmbeddings", () => {
  test("survive the session, and the least recently used goes first", async () => {
    const folder = new MemoryFolder();
    const size = (await embeddingToBytes(long)).length;
    const options = { limitBytes: size * 2, maxAgeMs: dayMs, now: () => folder.now };
    const first = new StoredEmbeddings(folder, options);
    for (const key of ["a", "b"]) {
      folder.now++;
      await first.put(key, long);
    }
    const second = new StoredEmbeddings(folder, options);
    expect(await second.take("a")).toEqual(long);
    await second.put("c", long);
    expect(await second.take("b")).toBeUndefined();
    expect(await second.take("a")).toBeDefined();
    expect(await second.stats()).toMatchObject({ hits: 2, misses: 1, entries: 2, bytes: size * 2, failures: 0 });
  });

  test("what is too old is deleted, unread, at the next opening and while the page stays open", async () => {
    const folder = new MemoryFolder();
    const options = { limitBytes: 1e6, maxAgeMs: 1000, now: () => folder.now };
    const cache = new StoredEmbeddings(folder, options);
    await cache.put("a", long);
    folder.now = 1000;
    expect(await cache.take("a")).toBeDefined();
    folder.now = 1001;
    folder.reads = 0;
    expect(await cache.take("a")).toBeUndefined();
    expect({ reads: folder.reads, files: folder.files.size }).toEqual({ reads: 0, files: 0 });
    await cache.put("b", long);
    folder.now = 5000;
    expect(await new StoredEmbeddings(folder, options).stats()).toMatchObject({ entries: 0, bytes: 0 });
    expect(folder.files.size).toBe(0);
  });

  test("a full disk makes room once, and is no failure of the caller when that is not enough", async () => {
    const folder = new MemoryFolder();
    const size = (await embeddingToBytes(long)).length;
    const cache = new StoredEmbeddings(folder, { limitBytes: 1e6, maxAgeMs: dayMs });
    for (const key of ["a", "b", "c", "d"]) await cache.put(key, long);
    folder.quotaBytes = size * 4;
    await cache.put("e", long);
    expect(await cache.take("e")).toEqual(long);
    expect(await cache.take("a")).toBeUndefined();
    folder.quotaBytes = 0;
    await cache.put("f", long);
    expect(await cache.take("f")).toBeUndefined();
    expect((await cache.stats()).failures).toBe(1);
  });

  test("a damaged file is a miss, is counted, and is gone", async () => {
    const folder = await mkdtemp(join(tmpdir(), "samrefine-cache-"));
    const cache = new StoredEmbeddings(diskFolder(folder), { limitBytes: 1e6, maxAgeMs: dayMs });
    await cache.put("abc", long);
    const [name] = await readdir(folder);
    const bytes = await readFile(join(folder, name!));
    bytes[bytes.length - 3]! ^= 1;
    await writeFile(join(folder, name!), bytes);
    expect(await cache.take("abc")).toBeUndefined();
    expect(await cache.stats()).toMatchObject({ failures: 1, entries: 0 });
    expect(await readdir(folder)).toEqual([]);
    await rm(folder, { recursive: true });
  });

  test("clear leaves nothing, and foreign files are let alone", async () => {
    const folder = new MemoryFolder();
    await folder.write("notes.txt", Uint8Array.of(1));
    const cache = new TieredCache(
      new EmbeddingCache(1e6),
      new StoredEmbeddings(folder, { limitBytes: 1e6, maxAgeMs: dayMs }),
    );
    cache.put("a", long);
    await cache.clear();
    expect([...folder.files.keys()]).toEqual(["notes.txt"]);
    expect(await cache.take("a")).toBeUndefined();
    expect(await cache.stats()).toMatchObject({ memory: { bytes: 0, misses: 1 }, stored: { entries: 0, bytes: 0 } });
  });

  test("behaves like a list in order of use with the same bound, whatever is asked of it", async () => {
    const command = fc.oneof(
      fc.record({ kind: fc.constant("put" as const), key: fc.nat(5), length: fc.integer({ min: 1, max: 200 }) }),
      fc.record({ kind: fc.constant("take" as const), key: fc.nat(5) }),
      fc.record({ kind: fc.constant("clear" as const) }),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: 2500 }),
        fc.array(command, { maxLength: 25 }),
        async (limit, steps) => {
          const folder = new MemoryFolder();
          const cache = new StoredEmbeddings(folder, { limitBytes: limit, maxAgeMs: dayMs });
          let model: { key: number; length: number; bytes: number }[] = [];
          for (const step of steps) {
            if (step.kind === "clear") {
              await cache.clear();
              model = [];
            } else if (step.kind === "take") {
              const found = model.find(({ key }) => key === step.key);
              const taken = await cache.take(String(step.key));
              expect(taken?.tensors.image_embeddings?.data.length).toBe(found?.length);
              if (found) model = [...model.filter((entry) => entry !== found), found];
            } else {
              const value = embedding(new Array<number>(step.length).fill(step.key));
              const bytes = (await embeddingToBytes(value)).length;
              await cache.put(String(step.key), value);
              model = model.filter(({ key }) => key !== step.key);
              if (bytes <= limit) {
                model.push({ key: step.key, length: step.length, bytes });
                while (model.reduce((sum, entry) => sum + entry.bytes, 0) > limit) model.shift();
              }
            }
            expect(folder.used).toBe(model.reduce((sum, entry) => sum + entry.bytes, 0));
            expect(folder.used).toBeLessThanOrEqual(limit);
          }
        },
      ),
      { numRuns: 40 },
    );
  });
});
