import type { ByteFolder } from "./byte-folder.ts";
import type { StoredEmbedding } from "./embedding.ts";
import { embeddingFromBytes, embeddingToBytes } from "./embedding-file.ts";

export interface StoredEmbeddingsOptions {
  /** Sum of the files' sizes that is never exceeded. */
  readonly limitBytes: number;
  /** A file older than this is deleted unread; age counts from when it was written, however often it was used. */
  readonly maxAgeMs: number;
  /** Default `Date.now`. */
  readonly now?: () => number;
}

export interface StoredCacheStats {
  readonly hits: number;
  readonly misses: number;
  readonly entries: number;
  readonly bytes: number;
  readonly limitBytes: number;
  readonly maxAgeMs: number;
  /** Files that could not be written (no room, no right) or read (damaged); each only costs a run of the encoder. */
  readonly failures: number;
}

interface Entry {
  readonly bytes: number;
  readonly writtenAt: number;
}

export const dayMs = 24 * 60 * 60 * 1000;

const suffix = ".embedding";

/**
 * Embeddings that outlive the page: least recently used within this session, oldest first among those that were not used in
 * it. A cache must never be the reason for a failure: what cannot be read or written is a miss, and is counted.
 */
export class StoredEmbeddings {
  readonly #folder: ByteFolder;
  readonly #options: StoredEmbeddingsOptions;
  /** In order of use, the oldest first. Read from the folder at the first need. */
  #entries: Promise<Map<string, Entry>> | undefined;
  /** Reads and writes take turns, so that the sum of sizes is never wrong. */
  #tail: Promise<unknown> = Promise.resolve();
  #hits = 0;
  #misses = 0;
  #failures = 0;

  constructor(folder: ByteFolder, options: StoredEmbeddingsOptions) {
    this.#folder = folder;
    this.#options = options;
  }

  take(key: string): Promise<StoredEmbedding | undefined> {
    return this.#inTurn(async (entries) => {
      const entry = entries.get(key);
      const embedding = entry && !this.#isExpired(entry) ? await this.#read(key) : undefined;
      if (!embedding) {
        this.#misses++;
        if (entry) await this.#remove(entries, key);
        return undefined;
      }
      this.#hits++;
      entries.delete(key);
      entries.set(key, entry!);
      return embedding;
    }, undefined);
  }

  /** Resolves when the file is written, or could not be. */
  put(key: string, embedding: StoredEmbedding): Promise<void> {
    return this.#inTurn(async (entries) => {
      const bytes = await embeddingToBytes(embedding);
      await this.#remove(entries, key);
      if (bytes.length > this.#options.limitBytes) return;
      await this.#makeRoom(entries, bytes.length, this.#options.limitBytes);
      const write = () => this.#folder.write(`${key}${suffix}`, bytes);
      try {
        await write().catch(async () => {
          // The browser's quota may be smaller than ours: half of what is there goes, and once more.
          await this.#makeRoom(entries, 0, sizeOf(entries) / 2);
          await write();
        });
        entries.set(key, { bytes: bytes.length, writtenAt: this.#now() });
      } catch {
        this.#failures++;
        await this.#folder.remove(`${key}${suffix}`).catch(() => {});
      }
    }, undefined);
  }

  clear(): Promise<void> {
    return this.#inTurn(async (entries) => {
      for (const key of [...entries.keys()]) await this.#remove(entries, key);
    }, undefined);
  }

  stats(): Promise<StoredCacheStats> {
    const { limitBytes, maxAgeMs } = this.#options;
    return this.#inTurn(
      async (entries) => this.#statsOf(entries, limitBytes, maxAgeMs),
      this.#statsOf(new Map(), limitBytes, maxAgeMs),
    );
  }

  #statsOf(entries: ReadonlyMap<string, Entry>, limitBytes: number, maxAgeMs: number): StoredCacheStats {
    return {
      hits: this.#hits,
      misses: this.#misses,
      entries: entries.size,
      bytes: sizeOf(entries),
      limitBytes,
      maxAgeMs,
      failures: this.#failures,
    };
  }

  #inTurn<T>(work: (entries: Map<string, Entry>) => Promise<T>, otherwise: T): Promise<T> {
    const turn = this.#tail.then(async () => {
      this.#entries ??= this.#open();
      try {
        return await work(await this.#entries);
      } catch {
        this.#failures++;
        return otherwise;
      }
    });
    this.#tail = turn;
    return turn;
  }

  /** What is there and not too old. A folder that cannot be listed is an empty one. */
  async #open(): Promise<Map<string, Entry>> {
    const entries = new Map<string, Entry>();
    try {
      const files = (await this.#folder.list()).filter(({ name }) => name.endsWith(suffix));
      for (const { name, bytes, writtenAt } of [...files].sort((a, b) => a.writtenAt - b.writtenAt)) {
        entries.set(name.slice(0, -suffix.length), { bytes, writtenAt });
      }
      for (const [key, entry] of [...entries]) if (this.#isExpired(entry)) await this.#remove(entries, key);
      await this.#makeRoom(entries, 0, this.#options.limitBytes);
    } catch {
      this.#failures++;
    }
    return entries;
  }

  async #read(key: string): Promise<StoredEmbedding | undefined> {
    const embedding = await this.#folder
      .read(`${key}${suffix}`)
      .then((bytes) => bytes && embeddingFromBytes(bytes))
      .catch(() => undefined);
    if (!embedding) this.#failures++;
    return embedding;
  }

  async #makeRoom(entries: Map<string, Entry>, bytes: number, limit: number): Promise<void> {
    let sum = sizeOf(entries) + bytes;
    for (const [key, entry] of [...entries]) {
      if (sum <= limit) break;
      sum -= entry.bytes;
      await this.#remove(entries, key);
    }
  }

  async #remove(entries: Map<string, Entry>, key: string): Promise<void> {
    if (!entries.delete(key)) return;
    await this.#folder.remove(`${key}${suffix}`);
  }

  #isExpired({ writtenAt }: Entry): boolean {
    return this.#now() - writtenAt > this.#options.maxAgeMs;
  }

  #now(): number {
    return this.#options.now?.() ?? Date.now();
  }
}

function sizeOf(entries: ReadonlyMap<string, Entry>): number {
  let sum = 0;
  for (const { bytes } of entries.values()) sum += bytes;
  return sum;
}
