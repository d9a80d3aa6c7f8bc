import { isRefineError, RefineError, type TaskOptions } from "@samrefine/core";
import {
  type ModelManifest,
  type PromptableManifest,
  parseManifest,
  parseModelIndex,
  type SegmentationManifest,
} from "@samrefine/models";

export interface CatalogueEntry<M extends ModelManifest = ModelManifest> {
  readonly manifest: M;
  /** Absolute; resolves the manifest's relative file URLs. */
  readonly url: string;
}

export interface ModelCatalogue {
  readonly segmentation: readonly CatalogueEntry<SegmentationManifest>[];
  readonly promptable: CatalogueEntry<PromptableManifest> | undefined;
  /** Those among them that the user brought. */
  readonly own: readonly CatalogueEntry[];
  /** One message per manifest that could not be used; the others still are. */
  readonly problems: readonly string[];
}

/** What was found in one place, and one message per model there that cannot be used. */
export interface FoundModels {
  readonly entries: readonly CatalogueEntry[];
  readonly problems: readonly string[];
}

export interface CatalogueOptions extends TaskOptions {
  /** Id of the promptable model to prefer; the first of the index otherwise. */
  readonly promptableModel?: string | undefined;
  readonly fetch?: typeof globalThis.fetch;
  /** Models that the user brought, read at the same time; a promptable one of them goes before those of the index. */
  readonly own?: Promise<FoundModels>;
}

/**
 * Reads the model index and every manifest in it.
 * @param indexUrl Absolute URL of `index.json`.
 * @throws RefineError `model-fetch` or `model-manifest` when the index itself cannot be read.
 */
export async function loadCatalogue(indexUrl: string, options: CatalogueOptions = {}): Promise<ModelCatalogue> {
  const [site, own] = await Promise.all([readIndex(indexUrl, options), options.own ?? { entries: [], problems: [] }]);
  const segmentation: CatalogueEntry<SegmentationManifest>[] = [];
  const promptable: CatalogueEntry<PromptableManifest>[] = [];
  for (const { manifest, url } of [...site.entries, ...own.entries]) {
    if (manifest.task === "semantic-segmentation") segmentation.push({ manifest, url });
    else promptable.push({ manifest, url });
  }
  return {
    segmentation,
    promptable:
      promptable.findLast(({ url }) => own.entries.some((entry) => entry.url === url)) ??
      promptable.find(({ manifest }) => manifest.id === options.promptableModel) ??
      promptable[0],
    own: own.entries,
    problems: [...site.problems, ...own.problems],
  };
}

async function readIndex(indexUrl: string, options: CatalogueOptions): Promise<FoundModels> {
  const index = parseModelIndex(await fetchJson(indexUrl, options), indexUrl);
  const problems: string[] = [];
  const entries = await Promise.all(
    index.manifests.map(async (path): Promise<readonly CatalogueEntry[]> => {
      const url = new URL(path, indexUrl).href;
      try {
        return [{ manifest: parseManifest(await fetchJson(url, options), url), url }];
      } catch (error) {
        options.signal?.throwIfAborted();
        problems.push(isRefineError(error) ? error.message : `The model manifest ${url} could not be read.`);
        return [];
      }
    }),
  );
  return { entries: entries.flat(), problems };
}

async function fetchJson(url: string, options: CatalogueOptions): Promise<unknown> {
  options.signal?.throwIfAborted();
  const get = options.fetch ?? globalThis.fetch;
  let response: Response;
  try {
    response = await get(url, options.signal ? { signal: options.signal } : {});
  } catch (cause) {
    options.signal?.throwIfAborted();
    throw new RefineError("model-fetch", `${url} could not be fetched: the server did not answer.`, {
      hint: "Check that the viewer's server is running and serves the models folder.",
      details: { url },
      cause,
    });
  }
  if (!response.ok) {
    throw new RefineError("model-fetch", `${url} could not be fetched: the server answered ${response.status}.`, {
      hint: "Check the configured model index.",
      details: { url, status: response.status },
    });
  }
  try {
    return await response.json();
  } catch (cause) {
    throw new RefineError("model-manifest", `${url} is not JSON.`, { details: { url }, cause });
  }
}
