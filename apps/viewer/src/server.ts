import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { RefineError } from "@samrefine/core";
import { sendText } from "./http/respond.ts";
import { setIsolationHeaders } from "./http/security-headers.ts";
import { serveStatic } from "./http/static-files.ts";

/** Path below which DICOMweb is answered, by the embedded server or by a PACS. */
export const dicomwebPath = "/dicom-web";

/** Answers requests below {@link dicomwebPath}; `root` is its absolute address as the client sees it. */
export type DicomwebHandler = (
  request: IncomingMessage,
  response: ServerResponse,
  url: URL,
  root: string,
) => Promise<void>;

export interface ViewerServerOptions {
  /** Folder of the assembled viewer. */
  readonly web: string;
  readonly dicomweb: DicomwebHandler;
  /** 0 takes any free port. */
  readonly port: number;
  readonly host: string;
  readonly onError?: (message: string) => void;
}

export interface ViewerServer {
  /** Address to open, without a slash at its end. */
  readonly url: string;
  /** Stops listening, lets running answers finish for a moment, then ends them. Idempotent. */
  close(): Promise<void>;
}

const gracePeriodMs = 3000;

/**
 * Serves the viewer and DICOMweb from one origin.
 * @throws RefineError `configuration` when the port is taken or may not be used
 */
export async function startViewerServer(options: ViewerServerOptions): Promise<ViewerServer> {
  const files = await serveStatic(options.web);
  const server = createServer((request, response) => {
    setIsolationHeaders(response);
    answer(request, response).catch((error: unknown) => {
      options.onError?.(error instanceof Error ? error.message : String(error));
      if (response.headersSent) response.destroy();
      else sendText(response, 500, "The server failed to answer; its terminal says why.");
    });
  });
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const host = request.headers.host ?? "";
    if (!isTrustedHost(host, options.host)) {
      return sendText(response, 421, "This server answers only under its own name; see --host.");
    }
    const url = URL.parse(request.url ?? "/", `http://${host}`);
    if (url === null) return sendText(response, 400, "The address cannot be read.");
    if (url.pathname === "/healthz") return sendText(response, 200, "ready");
    if (url.pathname === dicomwebPath || url.pathname.startsWith(`${dicomwebPath}/`)) {
      return options.dicomweb(request, response, url, `http://${host}${dicomwebPath}`);
    }
    if (request.method !== "GET" && request.method !== "HEAD") {
      response.setHeader("Allow", "GET, HEAD");
      return sendText(response, 405, `${request.method} is not supported here.`);
    }
    await files.send(request, response, url.pathname);
  };
  await listen(server, options);
  const { port } = server.address() as AddressInfo;
  const shown = options.host === "0.0.0.0" || options.host === "::" ? "127.0.0.1" : options.host;
  let closing: Promise<void> | undefined;
  return {
    url: `http://${shown.includes(":") ? `[${shown}]` : shown}:${port}`,
    close: () => {
      closing ??= closeServer(server);
      return closing;
    },
  };
}

/**
 * Whether a Host header may be answered. A server on the local machine answers only under local names: otherwise any web
 * site could point its own name at 127.0.0.1 and read the studies through the user's browser (DNS rebinding).
 */
export function isTrustedHost(header: string, boundHost: string): boolean {
  const name = /^(\[[^\]]*\]|[^:/?#@\s]+)(:\d+)?$/.exec(header)?.[1]?.toLowerCase();
  if (name === undefined) return false;
  if (["localhost", "127.0.0.1", "[::1]"].includes(name)) return true;
  if (boundHost === "127.0.0.1" || boundHost === "localhost" || boundHost === "::1") return false;
  return boundHost === "0.0.0.0" || boundHost === "::" || name === boundHost.toLowerCase() || name === `[${boundHost}]`;
}

function listen(server: Server, options: ViewerServerOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (cause: NodeJS.ErrnoException) => reject(listenError(cause, options)));
    server.listen(options.port, options.host, resolve);
  });
}

function listenError(cause: NodeJS.ErrnoException, { port, host }: ViewerServerOptions): RefineError {
  const details = { port, host, reason: cause.code ?? "unknown" };
  if (cause.code === "EADDRINUSE") {
    return new RefineError("configuration", `Port ${port} is in use.`, {
      hint: "Another viewer may be running. Choose another port with --port N, or --port 0 for any free one.",
      details,
      cause,
    });
  }
  return new RefineError(
    "configuration",
    `The server cannot listen at ${host}:${port} (${cause.code ?? cause.message}).`,
    {
      hint: "Choose another --port or --host.",
      details,
      cause,
    },
  );
}

async function closeServer(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => {
    server.close(() => resolve());
  });
  server.closeIdleConnections();
  const timer = setTimeout(() => server.closeAllConnections(), gracePeriodMs);
  await closed;
  clearTimeout(timer);
}
