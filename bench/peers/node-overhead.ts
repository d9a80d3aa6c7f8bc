import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import type { Image2D } from "@samrefine/core";
import { createNodeEngine, prepareDefaultSam } from "@samrefine/inference/node";
import { InferenceSession, Tensor } from "onnxruntime-node";
import { type Comparison, compare } from "../harness.ts";

const side = 1024;
const displayRange = { lower: 0, upper: 255 };

/** Encoding and decoding in Node, by the engine and by the shortest script over onnxruntime-node, in turns. */
export async function measureNode(folder: string, threads: number, rounds: number): Promise<readonly Comparison[]> {
  const { manifest, manifestPath } = await prepareDefaultSam(folder);
  const engine = await createNodeEngine({ threads, cacheBytes: 0 });
  const sam = await engine.loadPromptable(manifest, manifestPath);
  const options = { intraOpNumThreads: threads, interOpNumThreads: 1, logSeverityLevel: 3 } as const;
  const encoder = await InferenceSession.create(await readFile(join(folder, "encoder.onnx")), options);
  const decoder = await InferenceSession.create(await readFile(join(folder, "decoder.onnx")), options);
  const times = {
    encode: [] as number[],
    bareEncode: [] as number[],
    decode: [] as number[],
    bareDecode: [] as number[],
  };
  const geometry = { columns: side, rows: side };
  for (let round = -1; round < rounds; round++) {
    const image: Image2D = {
      geometry,
      channels: 1,
      data: Uint8Array.from({ length: side * side }, (_, i) => (i * 7 + round) % 256),
    };
    const input = new Tensor("float32", new Float32Array(3 * side * side).fill(0.1), [1, 3, side, side]);
    const box = { xMin: 200, yMin: 200, xMax: 700 + round, yMax: 800 };
    const embedding = await sam.encode(image, { displayRange });
    const encoded = await encoder.run({ input });
    const boxFeeds = () => ({
      image_embeddings: encoded.output!,
      point_coords: new Tensor("float32", Float32Array.of(box.xMin, box.yMin, box.xMax, box.yMax), [1, 2, 2]),
      point_labels: new Tensor("float32", Float32Array.of(2, 3), [1, 2]),
      mask_input: new Tensor("float32", new Float32Array(256 * 256), [1, 1, 256, 256]),
      has_mask_input: new Tensor("float32", Float32Array.of(0), [1]),
      token_mask: new Tensor("float32", Float32Array.of(1, 1), [1, 2]),
    });
    // Both decoders have seen the image before: what they make of it once is no part of a box.
    const one = (axes: number) => new Tensor("float32", new Float32Array(1), new Array<number>(axes).fill(1));
    const nothing = { image_places: one(3), image_keys: one(4), image_queries: one(4), image_values: one(4) };
    const made = await decoder.run({ ...boxFeeds(), ...nothing });
    const imageSide = Object.fromEntries(Object.keys(nothing).map((name) => [name, made[`made_${name}`]!]));
    await sam.decode(embedding, [{ segment: 1, geometry, box }], { logits: "omit" });
    const turns = {
      encode: async () => {
        await (await sam.encode(image, { displayRange })).dispose();
      },
      bareEncode: async () => {
        await encoder.run({ input });
      },
      decode: () => sam.decode(embedding, [{ segment: 1, geometry, box }], { logits: "omit" }),
      bareDecode: () => decoder.run({ ...boxFeeds(), ...imageSide }),
    };
    const names = Object.keys(turns) as (keyof typeof turns)[];
    for (const name of round % 2 === 0 ? names : names.toReversed()) {
      // A bare session's threads go on spinning some 20 ms after its run, on a core that the other side would lack.
      await wait(80);
      const start = performance.now();
      await turns[name]();
      if (round >= 0) times[name].push(performance.now() - start);
    }
    await embedding.dispose();
  }
  await engine.dispose();
  await encoder.release();
  await decoder.release();
  return [
    compare("encoding in Node, 1024 x 1024, against a bare session", "ms", times.encode, times.bareEncode),
    compare("box to mask in Node, 1024 x 1024, against a bare session", "ms", times.decode, times.bareDecode),
  ];
}
