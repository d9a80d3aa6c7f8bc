import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, open, rename, rm, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { pipeline } from "node:stream/promises";
import { RefineError } from "@samrefine/core";

export interface DownloadOptions {
  readonly sha256: string;
  readonly bytes: number;
  readonly signal: AbortSignal;
  /** Bytes on disk so far, those of an earlier attempt included. */
  readonly onBytes?: (bytes: number) => void;
}

/** How often a transfer that broke off is taken up again within one call. */
const attempts = 4;

/**
 * Fetches a file to `path`, unless it is there with the right digest. What an earlier call left in `path.part` is continued
 * with a range request; a server that knows no ranges sends all of it again. The digest is checked before the file gets its
 * name.
 *
 * @returns whether anything was fetched.
 * @throws RefineError `model-fetch` with the HTTP status, `model-integrity` (the partial file is then deleted).
 */
export async function downloadFile(url: string, path: string, options: DownloadOptions): Promise<boolean> {
  const { sha256, bytes, signal } = options;
  signal.throwIfAborted();
  if ((await digestOf(path)) === sha256) return false;
  const part = `${path}.part`;
  await mkdir(dirname(path), { recursive: true });
  for (let attempt = 1; ; attempt++) {
    const before = await sizeOf(part);
    try {
      if (before !== bytes) await fetchRest(url, part, before < bytes ? before : 0, options);
      break;
    } catch (error) {
      signal.throwIfAborted();
      // Taken up again only where something came: a server that is not there does not get better by asking.
      if (error instanceof RefineError || attempt === attempts || (await sizeOf(part)) <= before)
        throw asFetchError(url, error);
    }
  }
  const found = await digestOf(part);
  if (found !== sha256) {
    const size = await sizeOf(part);
    await rm(part, { force: true });
    throw new RefineError(
      "model-integrity",
      `${url} is not the file that the manifest names: found SHA-256 ${found} (${size} bytes), expected ${sha256} (${bytes} bytes).`,
      {
        hint: "Ask whoever publishes the model; a login page or a Git LFS pointer in its place is a common mistake.",
        details: { url, foundSha256: found ?? "", expectedSha256: sha256, foundBytes: size, expectedBytes: bytes },
      },
    );
  }
  await rename(part, path);
  return true;
}

async function fetchRest(url: string, part: string, from: number, options: DownloadOptions): Promise<void> {
  const { signal, onBytes } = options;
  const response = await fetch(url, { signal, headers: from > 0 ? { range: `bytes=${from}-` } : {} });
  if (!response.ok || !response.body) {
    await response.body?.cancel();
    // 416: what lies here is longer than the file there, so that it is another one.
    if (response.status === 416 && from > 0) return fetchRest(url, part, 0, options);
    throw new RefineError("model-fetch", `${url} could not be read: ${response.status} ${response.statusText}`.trim(), {
      hint: "Check the address, and that this machine may reach the server.",
      details: { url, status: response.status },
    });
  }
  const isContinued = response.status === 206 && response.headers.get("content-range")?.startsWith(`bytes ${from}-`);
  const file = await open(part, isContinued ? "a" : "w");
  try {
    let size = isContinued ? from : 0;
    onBytes?.(size);
    for await (const chunk of response.body) {
      await file.write(chunk);
      size += chunk.length;
      onBytes?.(size);
    }
    if (size < options.bytes) throw new Error(`the transfer ended after ${size} of ${options.bytes} bytes`);
  } finally {
    await file.close();
  }
}

function asFetchError(url: string, error: unknown): unknown {
  if (error instanceof RefineError) return error;
  const reason = error instanceof Error ? error.message : String(error);
  return new RefineError("model-fetch", `${url} could not be read: ${reason}`, {
    hint: "Run the command again: it goes on where it stopped.",
    details: { url, status: 0 },
    cause: error,
  });
}

/** SHA-256 in lower-case hex of a file of any size; undefined when it is not there. */
export async function digestOf(path: string): Promise<string | undefined> {
  if ((await sizeOf(path)) === 0) return undefined;
  const hash = createHash("sha256");
  await pipeline(createReadStream(path), hash);
  return hash.digest("hex");
}

async function sizeOf(path: string): Promise<number> {
  return (await stat(path).catch(() => undefined))?.size ?? 0;
}
