import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Image2D } from "@samrefine/core";
import { expect, test } from "vitest";
import { createNodeEngine } from "../node.ts";
import { writeTinySam } from "../testing/tiny-models.ts";

const geometry = { rows: 48, columns: 64 };
const displayRange = { lower: 0, upper: 255 };
const slices = Array.from(
  { length: 4 },
  (_, k): Image2D => ({
    geometry,
    channels: 1,
    data: Int16Array.from({ length: 48 * 64 }, (_, i) => (i * (k + 3)) % 255),
  }),
);

test("a study that is opened a second time is not encoded again, and answers the same", async () => {
  const folder = await mkdtemp(join(tmpdir(), "samrefine-second-"));
  const { manifest, manifestPath } = await writeTinySam(join(folder, "sam"));
  const storedCacheFolder = join(folder, "embeddings");
  const openings = [];
  for (let opening = 0; opening < 2; opening++) {
    const engine = await createNodeEngine({ threads: 1, storedCacheFolder, embeddingPrecision: "float16" });
    const sam = await engine.loadPromptable(manifest, manifestPath);
    const answers = [];
    for (const image of slices) {
      const embedding = await sam.encode(image, { displayRange });
      const [candidate] = await sam.decode(embedding, [
        { segment: 1, geometry, box: { xMin: 4, yMin: 4, xMax: 40, yMax: 30 } },
      ]);
      answers.push({ origin: embedding.origin, logits: candidate?.lowResLogits.data });
      await embedding.dispose();
    }
    openings.push({ answers, stats: await engine.stats() });
    await engine.dispose();
  }
  const [first, second] = openings;
  expect(first!.answers.map(({ origin }) => origin)).toEqual(["encoded", "encoded", "encoded", "encoded"]);
  expect(second!.answers.map(({ origin }) => origin)).toEqual(["cache", "cache", "cache", "cache"]);
  expect(second!.answers.map(({ logits }) => logits)).toEqual(first!.answers.map(({ logits }) => logits));
  expect(second!.stats).toMatchObject({ cacheHits: 4, cacheMisses: 0, runMs: { encoder: 0 } });
  expect(second!.stats.cache?.stored).toMatchObject({ hits: 4, misses: 0, entries: 4, failures: 0 });
  // Names are content hashes; the window and the weights are part of what is hashed.
  for (const name of await readdir(storedCacheFolder)) expect(name).toMatch(/^[0-9a-f]{64}\.embedding$/);
  await rm(folder, { recursive: true });
});
