import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { RefineError } from "@samrefine/core";
import { agreement, type InferenceEngine, probePromptable, probeSegmenter } from "@samrefine/inference/node";
import { type ModelManifest, sha256Hex, verifyFile } from "@samrefine/models";
import { storeWeightsAsHalf, storeWeightsAsInt8 } from "@samrefine/models/onnx";
import { loadManifest } from "./load-manifest.ts";

/** How weights are stored: in 16 bits, or in 8 with a scale per row. */
export type StoredWeights = "half" | "int8";

export interface ShrunkModel {
  readonly manifest: ModelManifest;
  readonly path: string;
  readonly bytesBefore: number;
  readonly bytesAfter: number;
  /** Part of the places of a fixed question at which both models' probabilities agree within a tenth. */
  readonly agreement: number;
  /** Intersection over union of both models' masks of that question. */
  readonly maskIou: number;
}

/** Below these the smaller model is not written. */
const leastAgreement = 0.99;
const leastMaskIou = 0.98;

const formats = {
  half: { store: storeWeightsAsHalf, suffix: "half", words: "half-float weights" },
  int8: { store: storeWeightsAsInt8, suffix: "int8", words: "8-bit weights" },
} as const;

/**
 * Writes a model again with its weights stored in fewer bits, and asks both the same question before the smaller one gets its
 * manifest.
 *
 * @throws RefineError `model-integrity` for damaged files, `inference` when the answers differ.
 */
export async function shrinkModel(
  manifestPath: string,
  folder: string,
  engine: InferenceEngine,
  { weights = "half", signal }: { readonly weights?: StoredWeights; readonly signal: AbortSignal },
): Promise<ShrunkModel> {
  const { store, suffix, words } = formats[weights];
  const manifest = await loadManifest(manifestPath);
  await mkdir(folder, { recursive: true });
  const files: ModelManifest["files"] = [];
  for (const file of manifest.files) {
    const origin = join(dirname(resolve(manifestPath)), file.url);
    const bytes = await readFile(origin);
    await verifyFile(bytes, file, origin);
    const { bytes: smaller } = store(bytes, origin);
    const url = `${file.role}.onnx`;
    await writeFile(join(folder, url), smaller);
    files.push({ ...file, url, sha256: await sha256Hex(smaller), bytes: smaller.length });
    signal.throwIfAborted();
  }
  const shrunk: ModelManifest = {
    ...manifest,
    id: `${manifest.id}-${suffix}`,
    title: `${manifest.title} (${words})`,
    files,
  };
  const path = join(folder, "manifest.json");
  const { agreement: agreed, maskIou } = await compareAnswers(
    engine,
    { manifest, path: resolve(manifestPath) },
    { manifest: shrunk, path: resolve(path) },
    signal,
  );
  if (agreed < leastAgreement || maskIou < leastMaskIou) {
    throw new RefineError(
      "inference",
      `With ${words} ${manifest.id} answers differently: it agrees with itself at ${(agreed * 100).toFixed(1)} % of the places and its masks by an IoU of ${maskIou.toFixed(3)}; ${leastAgreement * 100} % and ${leastMaskIou} are needed.`,
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
    maskIou,
  };
}

interface Located {
  readonly manifest: ModelManifest;
  readonly path: string;
}

async function compareAnswers(
  engine: InferenceEngine,
  a: Located,
  b: Located,
  signal: AbortSignal,
): Promise<{ readonly agreement: number; readonly maskIou: number }> {
  const [first, second] = [await answerOf(engine, a, signal), await answerOf(engine, b, signal)];
  return { agreement: agreement(first, second), maskIou: maskIouOf(first, second) };
}

/** Of what is more probable than not; 1 when neither finds anything. */
function maskIouOf(a: Float32Array, b: Float32Array): number {
  let [both, any] = [0, 0];
  for (let i = 0; i < a.length; i++) {
    const [inA, inB] = [a[i]! > 0.5, b[i]! > 0.5];
    if (inA && inB) both++;
    if (inA || inB) any++;
  }
  return any === 0 ? 1 : both / any;
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
