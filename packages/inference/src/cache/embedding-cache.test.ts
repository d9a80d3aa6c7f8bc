import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { StoredEmbedding } from "./embedding.ts";
import { EmbeddingCache } from "./embedding-cache.ts";
import { TieredCache } from "./tiered-cache.ts";

const embedding = (floats: number): StoredEmbedding => ({
  tensors: { image_embeddings: { data: new Float32Array(floats), dims: [1, floats] } },
});

describe("EmbeddingCache", () => {
  test("the least recently used goes first, and a look-up counts as use", () => {
    const cache = new EmbeddingCache(80);
    cache.put("a", embedding(10));
    cache.put("b", embedding(10));
    cache.take("a");
    cache.put("c", embedding(10));
    expect(cache.take("b")).toBeUndefined();
    expect(cache.take("a")).toBeDefined();
    expect(cache.take("c")).toBeDefined();
    expect({ hits: cache.hits, misses: cache.misses, bytes: cache.bytes }).toEqual({ hits: 3, misses: 1, bytes: 80 });
  });

  test("what is larger than the limit is not kept and evicts nothing", () => {
    const cache = new EmbeddingCache(80);
    cache.put("a", embedding(10));
    cache.put("large", embedding(21));
    expect(cache.take("large")).toBeUndefined();
    expect(cache.take("a")).toBeDefined();
  });

  test("behaves like a plain list in order of use, whatever is asked of it", () => {
    const command = fc.oneof(
      fc.record({ kind: fc.constant("put" as const), key: fc.nat(6), floats: fc.integer({ min: 1, max: 12 }) }),
      fc.record({ kind: fc.constant("take" as const), key: fc.nat(6) }),
      fc.record({ kind: fc.constant("clear" as const) }),
    );
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 30 }), fc.array(command, { maxLength: 60 }), (limitFloats, commands) => {
        const cache = new EmbeddingCache(limitFloats * 4);
        let model: { key: number; floats: number }[] = [];
        let takes = 0;
        for (const step of commands) {
          if (step.kind === "clear") {
            cache.clear();
            model = [];
          } else if (step.kind === "take") {
            takes++;
            const found = model.find((entry) => entry.key === step.key);
            expect(cache.take(String(step.key))?.tensors.image_embeddings?.data.length).toBe(found?.floats);
            if (found) model = [...model.filter((entry) => entry !== found), found];
          } else {
            cache.put(String(step.key), embedding(step.floats));
            model = model.filter((entry) => entry.key !== step.key);
            if (step.floats <= limitFloats) {
              model.push({ key: step.key, floats: step.floats });
              while (model.reduce((sum, entry) => sum + entry.floats, 0) > limitFloats) model.shift();
            }
          }
          const floats = model.reduce((sum, entry) => sum + entry.floats, 0);
          expect(cache.bytes).toBe(floats * 4);
          expect(cache.bytes).toBeLessThanOrEqual(limitFloats * 4);
          expect(cache.size).toBe(model.length);
          expect(cache.hits + cache.misses).toBe(takes);
        }
      }),
    );
  });
});

test("a cache without room and without storage keeps nothing, any other may", () => {
  expect(new TieredCache(new EmbeddingCache(0), undefined).keepsNothing).toBe(true);
  expect(new TieredCache(new EmbeddingCache(1), undefined).keepsNothing).toBe(false);
});
