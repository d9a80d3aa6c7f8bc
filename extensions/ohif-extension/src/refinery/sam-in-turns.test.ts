import type { Image2D, ImageEmbedding, PromptableSegmenter } from "@samrefine/core";
import { expect, test } from "vitest";
import { nextTask } from "../host/next-task.ts";
import { SamInTurns } from "./sam-in-turns.ts";

const image: Image2D = { geometry: { columns: 1, rows: 1 }, channels: 1, data: Uint8Array.of(0) };
const displayRange = { lower: 0, upper: 1 };

function sam() {
  const embeddings: (ImageEmbedding & { disposed: boolean })[] = [];
  const asked: ImageEmbedding[] = [];
  const failures: Error[] = [];
  const segmenter = {
    modelId: "sam",
    digest: "0",
    encode: async ({ geometry }: Image2D) => {
      const failure = failures.pop();
      if (failure) throw failure;
      const embedding = {
        geometry,
        origin: "encoded" as const,
        disposed: false,
        dispose: async () => {
          embedding.disposed = true;
        },
      };
      embeddings.push(embedding);
      return embedding;
    },
    decode: async (embedding: ImageEmbedding) => {
      asked.push(embedding);
      return [];
    },
  } as unknown as PromptableSegmenter;
  return { turns: new SamInTurns(segmenter), embeddings, asked, failures };
}

test("the next image is encoded when the embedding before it is disposed; SAM is asked about its own embedding", async () => {
  const { turns, embeddings, asked } = sam();
  const first = await turns.encode(image, { displayRange });
  const second = turns.encode(image, { displayRange });
  await nextTask();
  expect(embeddings).toHaveLength(1);
  await turns.decode(first, []);
  expect(asked).toEqual([embeddings[0]]);
  await first.dispose();
  await (await second).dispose();
  expect(embeddings.map(({ disposed }) => disposed)).toEqual([true, true]);
});

test("one that gives up while it waits rejects at once, and those behind it go on waiting for those before it", async () => {
  const { turns, embeddings } = sam();
  const first = await turns.encode(image, { displayRange });
  const cancel = new AbortController();
  const second = turns.encode(image, { displayRange, signal: cancel.signal });
  const third = turns.encode(image, { displayRange });
  cancel.abort(new Error("Cancelled."));
  await expect(second).rejects.toThrow("Cancelled.");
  await nextTask();
  expect(embeddings).toHaveLength(1);
  await first.dispose();
  await third;
  expect(embeddings).toHaveLength(2);
});

test("an image that cannot be encoded does not keep the turn", async () => {
  const { turns, failures, embeddings } = sam();
  failures.push(new Error("Out of memory."));
  await expect(turns.encode(image, { displayRange })).rejects.toThrow("Out of memory.");
  await turns.encode(image, { displayRange });
  expect(embeddings).toHaveLength(1);
});
