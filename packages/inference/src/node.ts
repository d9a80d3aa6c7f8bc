import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { diskFolder } from "./cache/disk-folder.ts";
import type { EmbeddingPrecision } from "./cache/embedding.ts";
import { dayMs, StoredEmbeddings } from "./cache/stored-embeddings.ts";
import type { InferenceEngine } from "./contract.ts";
import { InProcessEngine } from "./engine/in-process-engine.ts";
import { fetchError, fetchFile, type ReadOptions } from "./engine/model-files.ts";
import { createNodeRuntime, type NodeRuntimeOptions } from "./node-runtime.ts";

export * from "./contract.ts";
export { type PreparedModel, prepareDefaultSam } from "./default-sam.ts";
export { agreement, type ProbeAnswer, probePromptable, probeSegmenter } from "./ladder/probe.ts";
export { createNodeLadder } from "./node-ladder.ts";
export { createNodeRuntime, type NodeProvider, type NodeRuntimeOptions } from "./node-runtime.ts";
export { createRawSession } from "./raw-session-node.ts";
export { webRuntimeFiles } from "./runtime-files.ts";

export interface NodeEngineOptions extends NodeRuntimeOptions {
  /** Bound of the embedding cache in bytes, default 64 MiB (16 embeddings of SAM); 0 keeps none. */
  readonly cacheBytes?: number | undefined;
  /** Folder where embeddings outlive the process; default none. */
  readonly storedCacheFolder?: string | undefined;
  /** Bound of that folder in bytes, default 1 GiB. */
  readonly storedCacheBytes?: number | undefined;
  /** Days until a stored embedding is deleted, default 30. */
  readonly storedCacheDays?: number | undefined;
  /** Precision of embeddings, also of those that no cache keeps. Default "float32", as the reference computes. */
  readonly embeddingPrecision?: EmbeddingPrecision | undefined;
}

/**
 * The engine in this process. A manifest may lie at a path, a `file:` URL or an `http(s):` URL.
 * The caller owns it and disposes it.
 *
 * @throws RefineError `backend-unavailable`.
 */
export async function createNodeEngine(options: NodeEngineOptions = {}): Promise<InferenceEngine> {
  const runtime = await createNodeRuntime(options);
  const { cacheBytes, embeddingPrecision: precision, storedCacheFolder } = options;
  const stored =
    storedCacheFolder === undefined
      ? undefined
      : new StoredEmbeddings(diskFolder(storedCacheFolder), {
          limitBytes: options.storedCacheBytes ?? 2 ** 30,
          maxAgeMs: (options.storedCacheDays ?? 30) * dayMs,
        });
  return new InProcessEngine({ runtime, readFile: readFileOrUrl, cacheBytes, precision, stored });
}

async function readFileOrUrl(url: string, options: ReadOptions): Promise<Uint8Array> {
  if (/^https?:/i.test(url)) return fetchFile(url, options);
  const path = /^file:/i.test(url) ? fileURLToPath(url) : url;
  try {
    const bytes = await readFile(path, options.signal ? { signal: options.signal } : {});
    options.onBytes?.(bytes.length);
    return bytes;
  } catch (cause) {
    options.signal?.throwIfAborted();
    throw fetchError(path, 0, cause instanceof Error ? cause.message : String(cause), cause);
  }
}
