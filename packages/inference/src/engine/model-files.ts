import { RefineError } from "@samrefine/core";
import { type ModelFile, verifyFile } from "@samrefine/models";
import type { LoadOptions } from "../contract.ts";

/** Reads one file whole. Node adds paths to what the browser can; the rest of the engine does not care. */
export type ReadFile = (url: string, options: ReadOptions) => Promise<Uint8Array>;

export interface ReadOptions {
  readonly signal?: AbortSignal | undefined;
  /** Bytes so far. */
  readonly onBytes?: ((bytes: number) => void) | undefined;
}

/**
 * Reads a manifest's file and checks its digest.
 * @throws RefineError `model-manifest` when the manifest has no file of the role, `model-fetch`, `model-integrity`.
 */
export async function readModelFile(
  files: readonly ModelFile[],
  role: ModelFile["role"],
  manifestUrl: string,
  readFile: ReadFile,
  options: LoadOptions,
): Promise<{ readonly bytes: Uint8Array; readonly origin: string }> {
  const file = files.find((candidate) => candidate.role === role);
  if (!file) {
    throw new RefineError("model-manifest", `The manifest ${manifestUrl} lists no file with the role "${role}".`, {
      hint: "docs/manifest.md says which roles each task needs.",
      details: { origin: manifestUrl, role },
    });
  }
  const origin = resolveFileUrl(file.url, manifestUrl);
  const stage = `Loading ${role}`;
  const bytes = await readFile(origin, {
    signal: options.signal,
    // The last event is sent below, when the digest holds.
    onBytes: (completed) =>
      options.onProgress?.({ stage, completed: Math.min(completed, file.bytes - 1), total: file.bytes, unit: "byte" }),
  });
  options.signal?.throwIfAborted();
  await verifyFile(bytes, file, origin);
  options.onProgress?.({ stage, completed: file.bytes, total: file.bytes, unit: "byte" });
  return { bytes, origin };
}

/** Relative to the manifest, which may be a URL, an absolute URL path or a file path. */
export function resolveFileUrl(url: string, manifestUrl: string): string {
  if (isAbsoluteUrl(url)) return url;
  if (isAbsoluteUrl(manifestUrl)) return new URL(url, manifestUrl).href;
  if (url.startsWith("/")) return url;
  return manifestUrl.replace(/[^/\\]*$/, "") + url;
}

export function isAbsoluteUrl(url: string): boolean {
  return /^[a-z][a-z0-9+.-]+:/i.test(url);
}

/**
 * {@link ReadFile} over `fetch`.
 * @throws RefineError `model-fetch` with the HTTP status, or 0 when there was no answer.
 */
export async function fetchFile(url: string, options: ReadOptions): Promise<Uint8Array> {
  let response: Response;
  try {
    response = await fetch(url, options.signal ? { signal: options.signal } : {});
  } catch (cause) {
    options.signal?.throwIfAborted();
    throw fetchError(url, 0, "no answer from the server", cause);
  }
  if (!response.ok) throw fetchError(url, response.status, response.statusText);
  try {
    return await readBody(response, options);
  } catch (cause) {
    options.signal?.throwIfAborted();
    throw fetchError(url, response.status, "the transfer broke off", cause);
  }
}

async function readBody(response: Response, options: ReadOptions): Promise<Uint8Array> {
  if (!response.body || !options.onBytes) return new Uint8Array(await response.arrayBuffer());
  const chunks: Uint8Array[] = [];
  let total = 0;
  const reader = response.body.getReader();
  for (let chunk = await reader.read(); !chunk.done; chunk = await reader.read()) {
    chunks.push(chunk.value);
    total += chunk.value.length;
    options.onBytes(total);
  }
  const bytes = new Uint8Array(total);
  let offset = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, offset);
    offset += chunk.length;
  }
  return bytes;
}

export function fetchError(url: string, status: number, reason: string, cause?: unknown): RefineError {
  return new RefineError("model-fetch", `The model file ${url} could not be read: ${status || ""} ${reason}`.trim(), {
    hint: "Check that the file lies beside its manifest and that the server may be reached from this page.",
    details: { url, status },
    ...(cause === undefined ? {} : { cause }),
  });
}
