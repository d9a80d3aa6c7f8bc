import type { StoredEmbedding } from "./embedding.ts";
import type { EmbeddingCache } from "./embedding-cache.ts";
import type { StoredCacheStats, StoredEmbeddings } from "./stored-embeddings.ts";

/** Numbers for a diagnostics view; nothing in them tells of a patient. */
export interface CacheStats {
  readonly memory: {
    readonly hits: number;
    readonly misses: number;
    readonly entries: number;
    readonly bytes: number;
    readonly limitBytes: number;
  };
  /** Absent when nothing is kept beyond the life of the engine. */
  readonly stored?: StoredCacheStats;
}

/** Memory first, then what an earlier session stored. Writing to storage does not hold up the caller. */
export class TieredCache {
  readonly memory: EmbeddingCache;
  readonly #stored: StoredEmbeddings | undefined;
  #writes: Promise<void> = Promise.resolve();

  constructor(memory: EmbeddingCache, stored: StoredEmbeddings | undefined) {
    this.memory = memory;
    this.#stored = stored;
  }

  /** Whether looking anything up is in vain, and its key not worth the hash of an image. */
  get keepsNothing(): boolean {
    return this.memory.limitBytes === 0 && this.#stored === undefined;
  }

  async take(key: string): Promise<StoredEmbedding | undefined> {
    const near = this.memory.take(key);
    if (near) return near;
    const far = await this.#stored?.take(key);
    if (far) this.memory.put(key, far);
    return far;
  }

  put(key: string, embedding: StoredEmbedding): void {
    this.memory.put(key, embedding);
    const stored = this.#stored;
    if (stored) this.#writes = this.#writes.then(() => stored.put(key, embedding));
  }

  async clear(): Promise<void> {
    this.memory.clear();
    await this.#writes;
    await this.#stored?.clear();
  }

  /** Forgets what is in memory once all that was put is stored. */
  async dispose(): Promise<void> {
    await this.#writes;
    this.memory.clear();
  }

  async stats(): Promise<CacheStats> {
    const { hits, misses, size, bytes, limitBytes } = this.memory;
    const stored = await this.#stored?.stats();
    return { memory: { hits, misses, entries: size, bytes, limitBytes }, ...(stored ? { stored } : {}) };
  }
}
