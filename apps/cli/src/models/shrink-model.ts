import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { RefineError } from "@samrefine/core";
import { agreement, type InferenceEngine, probePromptable, probeSegmenter } from "@samrefine/inference/node";
import { type ModelManifest, sha256Hex, verifyFile } from "@samrefine/models";
import { storeWeightsAsHalf } from "@samrefine/models/onnx";
import { loadManifest } from "./load-manifest.ts";

export interface ShrunkModel {
  readonly manifest: ModelManifest;
  readonly path: string;
  readonly bytesBefore: number;
  readonly bytesAfter: number;
  /** Part of the places of a fixed question at which both models' probabilities agree within a tenth. */
  readonly agreement: number;
}

/** Below this the smaller model is not written. */
const leastAgreement = 0.99;

/**
 * Writes a model again with its weights stored as half floats, and asks both the same question before the smaller one gets
 * its manifest.
 *
 * @throws RefineError `model-integrity` for damaged files, `inference` when the answers differ.
 */
export async function shrinkModel(
  manifestPath: string,
  folder: string,
  engine: InferenceEngine,
  signal: AbortSignal,
): Promise<ShrunkModel> {
  const manifest = await loadManifest(manifestPath);
  await mkdir(folder, { recursive: true });
  const files: ModelManifest["files"] = [];
  for (const file of manifest.files) {
    const origin = join(dirname(resolve(manifestPath)), file.url);
    const bytes = await readFile(origin);
    await verifyFile(bytes, file, origin);
    const { bytes: smaller } = storeWeightsAsHalf(bytes, origin);
    const url = `${file.role}.onnx`;
    await writeFile(join(folder, url), smaller);
    files.push({ ...file, url, sha256: await sha256Hex(smaller), bytes: smaller.length });
    signal.throwIfAborted();
  }
  const shrunk: ModelManifest = {
    ...manifest,
    id: `${manifest.id}-half`,
    title: `${manifest.title} (half-float weights)`,
    files,
  };
  const path = join(folder, "manifest.json");
  const agreed = await compareAnswers(
    engine,
    { manifest, path: resolve(manifestPath) },
    { manifest: shrunk, path: resolve(path) },
    signal,
  );
  if (agreed < leastAgreement) {
    throw new RefineError(
      "inference",
      `With half-float weights ${manifest.id} answers differently: it agrees with itself at ${(agreed * 100).toFixed(1)} % of the places, at least ${leastAgreement * 100} % are needed.`,
      { hint: "Keep the model as it is." },
    );
  }
  await writeFile(path, `${JSON.stringify(shrunk, null, 2)}\n`);
  const sizeOf = (list: ModelManifest["files"]): number => list.reduce((sum, { bytes }) => sum + bytes, 0);
  return {
    manifest: shrunk,
    path,
    bytesBefore: sizeOf(manifest.files),
    bytesAfter: sizeOf(files),
    agreement: agreed,
  };
}

interface Located {
  readonly manifest: ModelManifest;
  readonly path: string;
}

async function compareAnswers(engine: InferenceEngine, a: Located, b: Located, signal: AbortSignal): Promise<number> {
  const [first, second] = [await answerOf(engine, a, signal), await answerOf(engine, b, signal)];
  return agreement(first, second);
}

/** One model at a time in memory. */
async function answerOf(
  engine: InferenceEngine,
  { manifest, path }: Located,
  signal: AbortSignal,
): Promise<Float32Array> {
  const options = { signal, warm: false, nonce: 0 };
  if (manifest.task === "promptable-segmentation") {
    const model = await engine.loadPromptable(manifest, path, { signal });
    const { values } = await probePromptable(model, options);
    await model.dispose();
    return values;
  }
  const model = await engine.loadSegmenter(manifest, path, { signal });
  const { values } = await probeSegmenter(model, manifest, options);
  await model.dispose();
  return values;
}
