import { writeFile } from "node:fs/promises";
import { basename, dirname, join, relative, resolve, sep } from "node:path";
import { RefineError } from "@samrefine/core";
import { type ModelManifest, parseManifest, parseModelIndex } from "@samrefine/models";
import type { CommandContext } from "../command-context.ts";
import { downloadFile } from "./download.ts";

export interface FetchedModel {
  readonly manifest: ModelManifest;
  readonly path: string;
  /** Files that were not there already. */
  readonly fetched: number;
}

/**
 * Brings models to a folder of this machine: those of one manifest, or of all that an index lists. Each gets a sub-folder
 * named by its id; the manifest is written last, so that a folder with a manifest is whole.
 *
 * @param url `http(s)` address of a `manifest.json` or an `index.json`.
 * @throws RefineError `model-fetch` `model-manifest` `model-integrity` `configuration`.
 */
export async function fetchModels(
  url: string,
  folder: string,
  context: CommandContext,
): Promise<readonly FetchedModel[]> {
  if (!/^https?:\/\//i.test(url)) {
    throw new RefineError("configuration", `"${url}" is not an http or https address.`, {
      hint: "Give the address of a manifest.json or an index.json; files on this machine need no fetching.",
    });
  }
  const value = await fetchJson(url, context.signal);
  const isIndex = typeof value === "object" && value !== null && "manifests" in value;
  if (!isIndex) return [await fetchModel(parseManifest(value, url), url, folder, context)];
  const models: FetchedModel[] = [];
  for (const path of parseModelIndex(value, url).manifests) {
    const address = new URL(path, url).href;
    const manifest = parseManifest(await fetchJson(address, context.signal), address);
    models.push(await fetchModel(manifest, address, folder, context));
  }
  return models;
}

async function fetchModel(
  manifest: ModelManifest,
  url: string,
  folder: string,
  { terminal, signal }: CommandContext,
): Promise<FetchedModel> {
  const target = join(folder, manifest.id);
  const display = terminal.startProgress();
  let fetched = 0;
  try {
    for (const file of manifest.files) {
      const stage = `${manifest.id} ${file.role}`;
      const isNew = await downloadFile(new URL(file.url, url).href, localPath(target, file.url), {
        ...file,
        signal,
        onBytes: (completed) => display.update({ stage, completed, total: file.bytes, unit: "byte" }),
      });
      if (isNew) fetched++;
    }
  } finally {
    display.stop();
  }
  const files = manifest.files.map((file) => ({ ...file, url: relativeUrl(file.url) }));
  const path = join(target, "manifest.json");
  await writeFile(path, `${JSON.stringify({ ...manifest, files }, null, 2)}\n`);
  return { manifest: { ...manifest, files } as ModelManifest, path, fetched };
}

/** Files that lie elsewhere on the web come to lie beside the manifest. */
function relativeUrl(url: string): string {
  return /^[a-z][a-z0-9+.-]*:/i.test(url) || url.startsWith("/")
    ? basename(new URL(url, "http://localhost").pathname)
    : url;
}

/** @throws RefineError `model-manifest` for a path that leads out of the model's folder. */
function localPath(folder: string, url: string): string {
  const path = resolve(folder, relativeUrl(url));
  const inside = relative(resolve(folder), path);
  if (inside !== "" && inside !== ".." && !inside.startsWith(`..${sep}`)) return path;
  throw new RefineError("model-manifest", `The file ${url} of the manifest lies outside of ${dirname(path)}.`, {
    hint: "A model's files must lie in the folder of its manifest, or below.",
    details: { url },
  });
}

async function fetchJson(url: string, signal: AbortSignal): Promise<unknown> {
  let reason: string;
  try {
    const response = await fetch(url, { signal });
    if (response.ok) return await response.json();
    reason = `${response.status} ${response.statusText}`;
  } catch (cause) {
    signal.throwIfAborted();
    reason = cause instanceof Error ? cause.message : String(cause);
  }
  throw new RefineError("model-fetch", `${url} could not be read: ${reason}`, {
    hint: "Check the address; it must answer with JSON.",
    details: { url },
  });
}
