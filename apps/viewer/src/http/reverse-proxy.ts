import { type ClientRequest, request as httpRequest, type IncomingMessage, type ServerResponse } from "node:http";
import { request as httpsRequest } from "node:https";
import { Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { RefineError } from "@samrefine/core";
import { sendText } from "./respond.ts";

/** Headers that belong to one connection (RFC 9110 7.6.1) and are never passed on. */
const hopByHop = new Set([
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);
/** The page's own protection is ours to decide, whatever the PACS says about its pages. */
const oursAlone = /^(cross-origin-|content-security-policy|access-control-|x-frame-options)/;

export type Proxy = (request: IncomingMessage, response: ServerResponse, url: URL, root: string) => Promise<void>;

/**
 * Checks the address of a PACS.
 * @throws RefineError `configuration`
 */
export function parseUpstream(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    throw new RefineError("configuration", `"${text}" is not the address of a DICOMweb server.`, {
      hint: "Give the address of the DICOMweb root, as in http://127.0.0.1:8042/dicom-web.",
    });
  }
  return url;
}

/**
 * Forwards everything below our DICOMweb root to a PACS, as a stream. The browser so talks to one origin only: no CORS at
 * the PACS, and a strict policy in the page. A user and password in the address are sent as basic authentication.
 */
export function createReverseProxy(upstream: URL): Proxy {
  const base = `${upstream.origin}${upstream.pathname.replace(/\/+$/, "")}`;
  const authorization =
    upstream.username === ""
      ? undefined
      : `Basic ${Buffer.from(`${decodeURIComponent(upstream.username)}:${decodeURIComponent(upstream.password)}`).toString("base64")}`;
  return async (request, response, url, root) => {
    const path = url.pathname.slice(new URL(root).pathname.length);
    const target = new URL(`${base}${path}${url.search}`);
    const headers = forwardable(request.headers);
    headers.host = target.host;
    if (authorization !== undefined) headers.authorization = authorization;
    // Addresses inside JSON are rewritten, which needs it plain.
    headers["accept-encoding"] = "identity";
    const outgoing = (target.protocol === "https:" ? httpsRequest : httpRequest)(target, {
      method: request.method,
      headers,
    });
    response.once("close", () => outgoing.destroy());
    request.pipe(outgoing);
    let answer: IncomingMessage;
    try {
      answer = await answerOf(outgoing);
    } catch (error) {
      const reason = error instanceof Error && "code" in error ? String(error.code) : "no answer";
      if (!response.destroyed) {
        sendText(
          response,
          502,
          `The PACS at ${upstream.host} does not answer (${reason}). Check that it runs and its address.`,
        );
      }
      return;
    }
    response.statusCode = answer.statusCode ?? 502;
    for (const [name, value] of Object.entries(forwardable(answer.headers))) {
      if (value !== undefined && !oursAlone.test(name)) response.setHeader(name, value);
    }
    const rewrites = /json/.test(String(answer.headers["content-type"] ?? ""));
    if (rewrites) response.removeHeader("content-length");
    // A PACS that breaks off in the middle is seen by the client as a broken transfer, which it is.
    await (rewrites ? pipeline(answer, replaceText(base, root), response) : pipeline(answer, response)).catch(() =>
      response.destroy(),
    );
  };
}

function answerOf(outgoing: ClientRequest): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    outgoing.once("response", resolve);
    outgoing.on("error", reject);
  });
}

function forwardable(headers: IncomingMessage["headers"]): Record<string, string | string[] | undefined> {
  const named = String(headers.connection ?? "")
    .split(",")
    .map((name) => name.trim().toLowerCase());
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !hopByHop.has(name) && !named.includes(name)));
}

/** Replaces one address by another in a stream of text, also where it lies across two chunks. */
export function replaceText(from: string, to: string): Transform {
  const needle = Buffer.from(from);
  const replacement = Buffer.from(to);
  let pending = Buffer.alloc(0);
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      pending = Buffer.concat([pending, chunk]);
      let start = 0;
      for (let at = pending.indexOf(needle); at >= 0; at = pending.indexOf(needle, start)) {
        this.push(pending.subarray(start, at));
        this.push(replacement);
        start = at + needle.length;
      }
      const kept = Math.max(start, pending.length - needle.length + 1);
      this.push(pending.subarray(start, kept));
      pending = pending.subarray(kept);
      done();
    },
    flush(done) {
      this.push(pending);
      done();
    },
  });
}
