import { expect, test } from "vitest";
import { embeddingKey } from "./embedding-key.ts";

const image = { geometry: { rows: 2, columns: 3 }, channels: 1, data: Uint16Array.of(1, 2, 3, 4, 5, 6) };
const range = { lower: 0, upper: 10 };

test("a key follows everything that the embedding depends on, and nothing else", async () => {
  const key = await embeddingKey(image, range, "model");
  const view = Uint16Array.of(9, 1, 2, 3, 4, 5, 6, 9).subarray(1, 7);
  const withSpacing = { ...image, geometry: { ...image.geometry, spacingMm: { x: 1, y: 1 } }, data: view };
  expect(await embeddingKey(withSpacing, range, "model")).toBe(key);
  const others = [
    embeddingKey({ ...image, data: Uint16Array.of(1, 2, 3, 4, 5, 7) }, range, "model"),
    embeddingKey({ ...image, data: Int16Array.of(1, 2, 3, 4, 5, 6) }, range, "model"),
    embeddingKey({ ...image, geometry: { rows: 3, columns: 2 } }, range, "model"),
    embeddingKey(image, { lower: 0, upper: 11 }, "model"),
    embeddingKey(image, range, "another"),
  ];
  expect(new Set([key, ...(await Promise.all(others))]).size).toBe(6);
});
