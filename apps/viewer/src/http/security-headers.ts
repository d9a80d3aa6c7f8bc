import { createHash } from "node:crypto";
import type { ServerResponse } from "node:http";

/**
 * Isolation: WebAssembly threads need shared memory, which browsers give only to cross-origin isolated pages. Every
 * response carries the headers, since a worker's own script decides for the worker.
 */
const everywhere: Readonly<Record<string, string>> = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
  "Cross-Origin-Resource-Policy": "same-origin",
  "X-Content-Type-Options": "nosniff",
  "Referrer-Policy": "no-referrer",
  "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
};

export function setIsolationHeaders(response: ServerResponse): void {
  for (const [name, value] of Object.entries(everywhere)) response.setHeader(name, value);
}

/**
 * Content Security Policy of the page: nothing but this origin, to which the PACS is forwarded too.
 * - `wasm-unsafe-eval`: WebAssembly may be compiled; JavaScript's `eval` stays forbidden.
 * - inline scripts of OHIF's index.html are allowed by digest, one by one.
 * - inline styles: OHIF and Cornerstone write style elements at run time.
 * - `blob:` and `data:`: thumbnails, cursors, and workers that OHIF creates from text.
 */
export function pagePolicy(html: string): string {
  const digests = [...html.matchAll(/<script(?![^>]*\ssrc=)[^>]*>([\s\S]*?)<\/script>/g)].map(
    ([, code = ""]) => `'sha256-${createHash("sha256").update(code).digest("base64")}'`,
  );
  return policy({
    "default-src": ["'none'"],
    "script-src": ["'self'", "'wasm-unsafe-eval'", ...digests],
    "style-src": ["'self'", "'unsafe-inline'"],
    "img-src": ["'self'", "blob:", "data:"],
    "font-src": ["'self'", "data:"],
    "connect-src": ["'self'", "blob:", "data:"],
    "worker-src": ["'self'", "blob:"],
    "media-src": ["'self'", "blob:"],
    "manifest-src": ["'self'"],
    "object-src": ["'none'"],
    "frame-src": ["'none'"],
    "frame-ancestors": ["'self'"],
    "form-action": ["'self'"],
    "base-uri": ["'self'"],
  });
}

/**
 * Policy of scripts, which counts when they are the script of a worker. The image decoders of the published OHIF build
 * (Emscripten's embind) make their JavaScript glue by `new Function`; they run in workers, so only OHIF's own worker
 * scripts get `unsafe-eval`, and neither the page nor our workers do.
 */
export function workerPolicy(options: { readonly makesCode: boolean }): string {
  return policy({
    "default-src": ["'none'"],
    "script-src": ["'self'", "blob:", "'wasm-unsafe-eval'", ...(options.makesCode ? ["'unsafe-eval'"] : [])],
    "connect-src": ["'self'", "blob:", "data:"],
    "worker-src": ["'self'", "blob:"],
  });
}

function policy(directives: Readonly<Record<string, readonly string[]>>): string {
  return Object.entries(directives)
    .map(([name, sources]) => `${name} ${sources.join(" ")}`)
    .join("; ");
}
