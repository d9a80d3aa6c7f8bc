import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { type PromptableSegmenter, type RefinementPlan, requireCapabilities } from "@samrefine/core";
import type { InferenceEngine } from "@samrefine/inference/node";
import { createNodeEngine, prepareDefaultSam } from "@samrefine/inference/node";
import type { CommandContext, CommonOptions } from "../command-context.ts";
import { loadPromptableManifest, loadSegmentationManifest } from "./load-manifest.ts";
import type { Unet } from "./propose.ts";

/**
 * For runs of several plans through the same slices: 128 embeddings of SAM, those of a volume with some of its planes across.
 * A plan that goes through a volume would otherwise find only the last 16 of its slices, and encode each again.
 */
export const CACHE_OF_SEVERAL_PLANS = 512 * 2 ** 20;

/**
 * The model runtime with the chosen threads and provider. The caller disposes it.
 *
 * @param cacheBytes bound of the embeddings that are kept in memory; default that of the engine.
 */
export async function openEngine(
  { threads, provider, embeddings }: CommonOptions & Pick<SamOptions, "embeddings">,
  cacheBytes?: number,
): Promise<InferenceEngine> {
  const cache = { cacheBytes, storedCacheFolder: embeddings };
  return await createNodeEngine({ provider, ...cache, ...(threads !== undefined && { threads }) });
}

export async function openUnet(engine: InferenceEngine, manifestPath: string, context: CommandContext): Promise<Unet> {
  const manifest = await loadSegmentationManifest(manifestPath);
  const segmenter = await engine.loadSegmenter(manifest, resolve(manifestPath), { signal: context.signal });
  return { manifest, segmenter };
}

export interface SamOptions {
  /** Manifest of another promptable model than the default. */
  readonly sam?: string;
  /** Where the prepared default SAM is kept. */
  readonly cache?: string;
  /** Where embeddings of slices are kept for the next run, at most 1 GiB; nowhere by default. */
  readonly embeddings?: string;
}

/**
 * The promptable model of some plans; undefined when none of them asks SAM.
 * @throws RefineError `missing-capability` before any case, when a plan needs what the model lacks.
 */
export async function openSam(
  engine: InferenceEngine,
  plans: readonly RefinementPlan[],
  options: SamOptions,
  context: CommandContext,
): Promise<PromptableSegmenter | undefined> {
  if (!asksSam(plans)) return undefined;
  const sam = await loadSam(engine, options, context);
  for (const plan of plans) requireCapabilities(plan, sam);
  return sam;
}

/** SAM of the given manifest, or the embedded default, prepared once in the cache folder. */
export async function loadSam(
  engine: InferenceEngine,
  options: SamOptions,
  context: CommandContext,
): Promise<PromptableSegmenter> {
  const { signal } = context;
  if (options.sam !== undefined) {
    const manifest = await loadPromptableManifest(options.sam);
    return await engine.loadPromptable(manifest, resolve(options.sam), { signal });
  }
  const folder = resolve(options.cache ?? join(homedir(), ".cache", "samrefine"));
  const { manifest, manifestPath } = await prepareDefaultSam(folder);
  return await engine.loadPromptable(manifest, manifestPath, { signal });
}

/** A plan without passes never asks SAM, so that it need not be loaded. */
export function asksSam(plans: readonly RefinementPlan[]): boolean {
  return plans.some(({ passes }) => passes.length > 0);
}
