import type { IncomingMessage, ServerResponse } from "node:http";
import { promisify } from "node:util";
import { gzip } from "node:zlib";

const gzipAsync = promisify(gzip);
const compressFromBytes = 4096;

/** A short message for people and for logs. */
export function sendText(response: ServerResponse, status: number, message: string): void {
  response.writeHead(status, { "Content-Type": "text/plain; charset=utf-8", "Cache-Control": "no-store" });
  response.end(`${message}\n`);
}

/** JSON, compressed where the client takes it: metadata of a long series shrinks to a twentieth. */
export function sendJson(
  request: IncomingMessage,
  response: ServerResponse,
  status: number,
  value: unknown,
  contentType = "application/json",
): void {
  const body = Buffer.from(JSON.stringify(value));
  response.statusCode = status;
  response.setHeader("Content-Type", contentType);
  response.setHeader("Cache-Control", "no-cache");
  response.setHeader("Vary", "Accept-Encoding");
  if (body.length < compressFromBytes || !/\bgzip\b/.test(String(request.headers["accept-encoding"] ?? ""))) {
    response.end(body);
    return;
  }
  gzipAsync(body, { level: 4 }).then(
    (compressed) => {
      response.setHeader("Content-Encoding", "gzip");
      response.end(compressed);
    },
    () => response.end(body),
  );
}
