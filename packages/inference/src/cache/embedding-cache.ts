import { embeddingBytes, type StoredEmbedding } from "./embedding.ts";

/**
 * Least recently used embeddings, bounded by bytes. Keys are content hashes: of pixels, window and weights, never a name
 * or a UID. Handles keep an embedding alive past its eviction, so that eviction never breaks work under way.
 */
export class EmbeddingCache {
  readonly limitBytes: number;
  /** In order of use, the oldest first: a Map iterates in order of insertion. */
  readonly #entries = new Map<string, StoredEmbedding>();
  #bytes = 0;
  #hits = 0;
  #misses = 0;

  /** @param limitBytes 0 keeps nothing. */
  constructor(limitBytes: number) {
    this.limitBytes = limitBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get hits(): number {
    return this.#hits;
  }

  get misses(): number {
    return this.#misses;
  }

  get size(): number {
    return this.#entries.size;
  }

  values(): Iterable<StoredEmbedding> {
    return this.#entries.values();
  }

  /** Counts a hit or a miss, and makes a hit the most recently used. */
  take(key: string): StoredEmbedding | undefined {
    const found = this.#entries.get(key);
    if (!found) {
      this.#misses++;
      return undefined;
    }
    this.#hits++;
    this.#entries.delete(key);
    this.#entries.set(key, found);
    return found;
  }

  /** Evicts the least recently used until the new one fits. One that is larger than the limit is not kept at all. */
  put(key: string, embedding: StoredEmbedding): void {
    this.#remove(key);
    const bytes = embeddingBytes(embedding);
    if (bytes > this.limitBytes) return;
    for (const oldest of this.#entries.keys()) {
      if (this.#bytes + bytes <= this.limitBytes) break;
      this.#remove(oldest);
    }
    this.#entries.set(key, embedding);
    this.#bytes += bytes;
  }

  clear(): void {
    this.#entries.clear();
    this.#bytes = 0;
  }

  #remove(key: string): void {
    const entry = this.#entries.get(key);
    if (!entry) return;
    this.#entries.delete(key);
    this.#bytes -= embeddingBytes(entry);
  }
}
