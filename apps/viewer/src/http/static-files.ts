import { createReadStream } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import { extname, join, resolve, sep } from "node:path";
import { pipeline } from "node:stream/promises";
import { sendText } from "./respond.ts";
import { pagePolicy, workerPolicy } from "./security-headers.ts";

const mediaTypes: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".mjs": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".json": "application/json",
  ".wasm": "application/wasm",
  ".svg": "image/svg+xml",
  ".png": "image/png",
  ".jpg": "image/jpeg",
  ".ico": "image/x-icon",
  ".woff2": "font/woff2",
  ".txt": "text/plain; charset=utf-8",
  ".xml": "application/xml",
  ".onnx": "application/octet-stream",
};

/** Names that carry a digest of their content never change, so browsers may keep them. */
const digestInName = /(\.bundle\.[0-9a-f]{16}\.js|\/[0-9a-f]{16}\.(wasm|woff2)|-[\w-]{8}\.(m?js|css|wasm))$/;

/** Answers from a folder; undefined when no file fits the path. */
export interface StaticFiles {
  send(request: IncomingMessage, response: ServerResponse, pathname: string): Promise<void>;
}

/** A single-page application: paths without an extension that are no files get its index.html. */
export async function serveStatic(root: string): Promise<StaticFiles> {
  const html = await readFile(join(root, "index.html"), "utf8");
  const policy = pagePolicy(html);
  return {
    async send(request, response, pathname) {
      const asked = locate(root, pathname);
      const found = asked === undefined ? undefined : await fileAt(asked);
      if (found === undefined && extname(pathname) !== "") return sendText(response, 404, "There is no such file.");
      const path = found ?? join(root, "index.html");
      if (path.endsWith(".html")) response.setHeader("Content-Security-Policy", policy);
      else if (/\.m?js$/.test(path)) {
        const ours = path.startsWith(join(root, "samrefine") + sep);
        response.setHeader("Content-Security-Policy", workerPolicy({ makesCode: !ours }));
      }
      await sendFile(request, response, path, pathname);
    },
  };
}

/** Path of a file below the root, or undefined for an address that leads out of it. */
export function locate(root: string, pathname: string): string | undefined {
  let decoded: string;
  try {
    decoded = decodeURIComponent(pathname);
  } catch {
    return undefined;
  }
  if (decoded.includes("\0")) return undefined;
  const path = resolve(root, `.${decoded.startsWith("/") ? "" : "/"}${decoded}`);
  return path === resolve(root) || path.startsWith(resolve(root) + sep) ? path : undefined;
}

async function fileAt(path: string): Promise<string | undefined> {
  const info = await stat(path).catch(() => undefined);
  return info?.isFile() ? path : undefined;
}

async function sendFile(
  request: IncomingMessage,
  response: ServerResponse,
  path: string,
  pathname: string,
): Promise<void> {
  const { encoding, file } = await encodedFile(path, String(request.headers["accept-encoding"] ?? ""));
  const info = await stat(file);
  const tag = `"${info.size.toString(36)}-${Math.trunc(info.mtimeMs).toString(36)}"`;
  response.setHeader("Content-Type", mediaTypes[extname(path)] ?? "application/octet-stream");
  response.setHeader("Vary", "Accept-Encoding");
  response.setHeader("ETag", tag);
  response.setHeader("Cache-Control", digestInName.test(pathname) ? "public, max-age=31536000, immutable" : "no-cache");
  if (request.headers["if-none-match"] === tag) {
    response.writeHead(304).end();
    return;
  }
  if (encoding !== undefined) response.setHeader("Content-Encoding", encoding);
  response.setHeader("Content-Length", info.size);
  response.writeHead(200);
  if (request.method === "HEAD") response.end();
  else await pipeline(createReadStream(file), response);
}

async function encodedFile(
  path: string,
  accepted: string,
): Promise<{ readonly encoding: string | undefined; readonly file: string }> {
  for (const [encoding, suffix] of [
    ["br", ".br"],
    ["gzip", ".gz"],
  ] as const) {
    if (!new RegExp(`\\b${encoding}\\b`).test(accepted)) continue;
    const file = await fileAt(path + suffix);
    if (file !== undefined) return { encoding, file };
  }
  return { encoding: undefined, file: path };
}
