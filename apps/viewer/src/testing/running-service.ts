import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { openFolderSource } from "../data-source.ts";

/** The embedded DICOMweb server over a folder, on a port of its own, without the viewer. */
export interface RunningService extends AsyncDisposable {
  /** DICOMweb root. */
  readonly root: string;
  readonly storeDirectory: string;
}

export async function runService(folder: string): Promise<RunningService> {
  const storeDirectory = join(folder, ".store");
  const { handler } = await openFolderSource({ folder, storeDirectory });
  const server = createServer((request, response) => {
    const base = `http://${request.headers.host}`;
    handler(request, response, new URL(request.url ?? "/", base), `${base}/dicom-web`).catch((error: unknown) => {
      response.destroy(error instanceof Error ? error : new Error(String(error)));
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    root: `http://127.0.0.1:${port}/dicom-web`,
    storeDirectory,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Part of a multipart answer. */
export interface ReceivedPart {
  readonly contentType: string;
  readonly body: Buffer;
}

/** Takes a multipart answer apart, independently of the code that wrote it. */
export async function receiveParts(response: Response): Promise<readonly ReceivedPart[]> {
  const boundary = /boundary=([^;]+)/.exec(response.headers.get("content-type") ?? "")?.[1] ?? "";
  const text = Buffer.from(await response.arrayBuffer()).toString("latin1");
  return text
    .split(`--${boundary}`)
    .slice(1, -1)
    .map((part) => {
      const end = part.indexOf("\r\n\r\n");
      const contentType = /content-type:\s*(.*)/i.exec(part.slice(0, end))?.[1]?.trim() ?? "";
      return { contentType, body: Buffer.from(part.slice(end + 4, -2), "latin1") };
    });
}

/** Sends files, or anything, as one STOW-RS request. */
export async function sendParts(
  root: string,
  parts: readonly Uint8Array[],
  options: { readonly path?: string; readonly truncate?: boolean } = {},
): Promise<Response> {
  const chunks = parts.flatMap((part) => [
    Buffer.from("--edge\r\nContent-Type: application/dicom\r\n\r\n"),
    part,
    Buffer.from("\r\n"),
  ]);
  const body = Buffer.concat(options.truncate ? chunks.slice(0, -1) : [...chunks, Buffer.from("--edge--\r\n")]);
  return fetch(`${root}/${options.path ?? "studies"}`, {
    method: "POST",
    headers: { "Content-Type": 'multipart/related; type="application/dicom"; boundary=edge' },
    body,
  });
}
