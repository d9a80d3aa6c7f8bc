import { openPrivateFolder } from "./cache/private-folder.ts";
import { dayMs, StoredEmbeddings } from "./cache/stored-embeddings.ts";
import { InProcessEngine } from "./engine/in-process-engine.ts";
import type { OnnxRuntime } from "./engine/runtime.ts";
import { readWebFile } from "./model-folder.ts";
import type { WorkerConfiguration } from "./worker/protocol.ts";

/** The engine inside a browser's worker, with its caches. */
export async function createWebEngine(
  runtime: OnnxRuntime,
  configuration: Pick<
    WorkerConfiguration,
    "cacheBytes" | "storedCacheBytes" | "storedCacheDays" | "embeddingPrecision"
  >,
): Promise<InProcessEngine> {
  const { cacheBytes, storedCacheBytes = 0, storedCacheDays = 7, embeddingPrecision = "float16" } = configuration;
  const folder = storedCacheBytes > 0 ? await openPrivateFolder(globalThis.navigator?.storage) : undefined;
  const stored =
    folder && new StoredEmbeddings(folder, { limitBytes: storedCacheBytes, maxAgeMs: storedCacheDays * dayMs });
  return new InProcessEngine({ runtime, readFile: readWebFile, cacheBytes, precision: embeddingPrecision, stored });
}
