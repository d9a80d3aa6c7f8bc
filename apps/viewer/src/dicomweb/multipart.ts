import { randomUUID } from "node:crypto";
import type { Writable } from "node:stream";
import { RefineError } from "@samrefine/core";

/** What comes out of a multipart body while it streams in: a part's header, its bytes in pieces, its end. */
export type MultipartEvent =
  | { readonly kind: "part"; readonly headers: ReadonlyMap<string, string> }
  | { readonly kind: "data"; readonly bytes: Buffer }
  | { readonly kind: "end" };

const headerLimitBytes = 16 * 1024;

/** `type` and `boundary` of a `multipart/related` content type; undefined for any other. */
export function parseMultipartType(
  contentType: string | undefined,
): { readonly type: string | undefined; readonly boundary: string } | undefined {
  if (contentType === undefined || !/^\s*multipart\/related\s*(;|$)/i.test(contentType)) return undefined;
  const boundary = parameterOf(contentType, "boundary");
  if (boundary === undefined || boundary === "" || boundary.length > 70) return undefined;
  return { type: parameterOf(contentType, "type")?.toLowerCase(), boundary };
}

function parameterOf(header: string, name: string): string | undefined {
  const match = new RegExp(`;\\s*${name}\\s*=\\s*(?:"([^"]*)"|([^;\\s]+))`, "i").exec(header);
  return match?.[1] ?? match?.[2];
}

/**
 * Splits a multipart body (RFC 2046 5.1.1) as it arrives; no part is ever held whole in memory.
 * @throws RefineError `dicomweb` when the body is not what its boundary announces, or ends before its last boundary
 */
export async function* readMultipart(
  body: AsyncIterable<Uint8Array>,
  boundary: string,
): AsyncGenerator<MultipartEvent> {
  const delimiter = Buffer.from(`\r\n--${boundary}`, "latin1");
  // The first delimiter may stand at the very start; with this prefix it looks like all others.
  let pending = Buffer.from("\r\n");
  let state: "preamble" | "after-delimiter" | "headers" | "body" | "epilogue" = "preamble";
  for await (const chunk of body) {
    if (state === "epilogue") continue;
    pending = Buffer.concat([pending, chunk]);
    let progressed = true;
    while (progressed) {
      progressed = false;
      if (state === "preamble" || state === "body") {
        const at = pending.indexOf(delimiter);
        // What could still be the start of a delimiter stays for the next chunk.
        const safe = at >= 0 ? at : Math.max(0, pending.length - delimiter.length + 1);
        if (state === "body" && safe > 0) yield { kind: "data", bytes: pending.subarray(0, safe) };
        pending = pending.subarray(safe);
        if (at >= 0) {
          if (state === "body") yield { kind: "end" };
          pending = pending.subarray(delimiter.length);
          state = "after-delimiter";
          progressed = true;
        }
      } else if (state === "after-delimiter") {
        if (pending.length >= 2 && pending.toString("latin1", 0, 2) === "--") {
          state = "epilogue";
        } else {
          const end = pending.indexOf("\r\n");
          if (end >= 0) {
            // The line end stays: together with an empty header block it forms the blank line.
            pending = pending.subarray(end);
            state = "headers";
            progressed = true;
          }
        }
      } else if (state === "headers") {
        const end = pending.indexOf("\r\n\r\n");
        if (end >= 0) {
          yield { kind: "part", headers: parseHeaders(pending.toString("latin1", 0, end)) };
          pending = pending.subarray(end + 4);
          state = "body";
          progressed = true;
        } else if (pending.length > headerLimitBytes) {
          throw new RefineError("dicomweb", "A part of the multipart body has no end of its headers.");
        }
      }
    }
  }
  if (state !== "epilogue") {
    throw new RefineError("dicomweb", "The multipart body ends before its closing boundary.", {
      hint: "The transfer broke off, or the boundary in Content-Type is not the one of the body. Send it again.",
    });
  }
}

function parseHeaders(block: string): ReadonlyMap<string, string> {
  return new Map(
    block.split("\r\n").flatMap((line) => {
      const colon = line.indexOf(":");
      return colon < 0 ? [] : [[line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim()] as const];
    }),
  );
}

/** One part to send. */
export interface MultipartPart {
  readonly contentType: string;
  readonly contentLocation?: string;
  readonly body: Uint8Array | AsyncIterable<Uint8Array>;
}

/** A fresh boundary, long and random enough never to occur in pixel data. */
export function newBoundary(): string {
  return `samrefine-${randomUUID()}`;
}

/** Writes a multipart body; honours back pressure, so that a slow reader does not fill the memory. */
export async function writeMultipart(
  target: Writable,
  boundary: string,
  parts: AsyncIterable<MultipartPart> | Iterable<MultipartPart>,
): Promise<void> {
  for await (const part of parts) {
    const location = part.contentLocation === undefined ? "" : `Content-Location: ${part.contentLocation}\r\n`;
    await write(target, `--${boundary}\r\nContent-Type: ${part.contentType}\r\n${location}\r\n`);
    if (part.body instanceof Uint8Array) await write(target, part.body);
    else for await (const chunk of part.body) await write(target, chunk);
    await write(target, "\r\n");
  }
  await write(target, `--${boundary}--\r\n`);
}

function write(target: Writable, chunk: string | Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    target.write(chunk, (error) => (error ? reject(error) : resolve()));
  });
}
