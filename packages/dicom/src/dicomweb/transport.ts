import { RefineError, type RefineErrorDetails } from "@samrefine/core";

export interface ResponseBody {
  getReader(): {
    read(): Promise<{ readonly done: boolean; readonly value?: Uint8Array | undefined }>;
    cancel(reason?: unknown): Promise<void>;
  };
}

/** The part of a Fetch response that is used; the global `fetch` fits. */
export interface FetchResponse {
  readonly status: number;
  readonly headers: { get(name: string): string | null };
  readonly body: ResponseBody | null;
}

export type Fetch = (
  url: string,
  init: {
    readonly method: string;
    readonly headers: Record<string, string>;
    readonly body?: Uint8Array<ArrayBuffer>;
    readonly signal: AbortSignal;
  },
) => Promise<FetchResponse>;

export interface TransportOptions {
  readonly fetch: Fetch;
  /** Sent with every request, e.g. Authorization. Called anew each time, so that a token can be renewed. */
  readonly headers?: () => Readonly<Record<string, string>>;
  /** A request fails when nothing at all arrives for this long. Default 60 s. */
  readonly idleTimeoutMs?: number;
  /** How often a request is repeated after a failure that may pass. Default 3. */
  readonly retries?: number;
  /** Pause before the first repetition; doubled before each further one. Default 500 ms. */
  readonly retryDelayMs?: number;
}

export interface Request {
  readonly method: "GET" | "POST";
  readonly url: string;
  readonly accept: string;
  readonly contentType?: string;
  readonly body?: Uint8Array<ArrayBuffer>;
  readonly signal?: AbortSignal | undefined;
  /** Statuses that are answers, not failures. */
  readonly accepted: readonly number[];
}

export interface Answer {
  readonly status: number;
  readonly contentType: string;
  readonly body: Uint8Array;
}

/** Longest pause that a server's Retry-After is followed for. */
const LONGEST_PAUSE_MS = 30_000;
/** Statuses after which the same request may succeed. */
const PASSING: ReadonlySet<number> = new Set([408, 425, 429, 500, 502, 503, 504]);

const MEANINGS: Readonly<Record<number, readonly [message: string, hint: string]>> = {
  400: ["did not understand the request", "Check that the address is the root of a DICOMweb service."],
  401: ["wants a login", "Sign in again, then repeat; nothing is lost."],
  403: ["does not permit this", "Ask the administrator for the right to do this; nothing is lost."],
  404: ["does not have this", "Check the address and whether the object still exists."],
  409: ["refused the object", "The server's reason stands in the details; the object can still be downloaded."],
  413: ["finds the object too large", "Raise the server's limit for request bodies, or store fewer segments at once."],
};

export function webError(
  message: string,
  hint: string,
  details: RefineErrorDetails = {},
  cause?: unknown,
): RefineError {
  return new RefineError("dicomweb", message, { hint, details, cause });
}

/** The address without query, which may hold names. */
function placeOf(url: string): string {
  return url.split("?")[0] ?? url;
}

export function statusError(status: number, url: string): RefineError {
  const [meaning, hint] = MEANINGS[status] ?? [
    status >= 500 ? "failed" : "refused the request",
    "Try again later; nothing is lost. If it stays, look at the server's log.",
  ];
  return webError(`The server ${meaning} (HTTP ${status}).`, hint, { status, url: placeOf(url) });
}

function pause(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const onAbort = (): void => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", onAbort);
      resolve();
    }, milliseconds);
    signal?.addEventListener("abort", onAbort, { once: true });
  });
}

class Silence extends Error {}

/** Aborts when the caller does, or when `touch` is not called for the idle time. */
function watchdog(
  signal: AbortSignal | undefined,
  idleMs: number,
): { readonly signal: AbortSignal; touch(): void; stop(): void } {
  const controller = new AbortController();
  let timer: unknown;
  const touch = (): void => {
    clearTimeout(timer);
    timer = setTimeout(() => controller.abort(new Silence(`nothing arrived for ${idleMs} ms`)), idleMs);
  };
  const onAbort = (): void => controller.abort(signal?.reason);
  signal?.addEventListener("abort", onAbort, { once: true });
  touch();
  return {
    signal: controller.signal,
    touch,
    stop() {
      clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
    },
  };
}

async function* chunksOf(response: FetchResponse, touch: () => void): AsyncGenerator<Uint8Array> {
  if (response.body === null) return;
  const reader = response.body.getReader();
  let isDone = false;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      touch();
      isDone = done;
      if (done) return;
      if (value !== undefined) yield value;
    }
  } finally {
    // Left early: the connection is not needed any more.
    if (!isDone) await reader.cancel().catch(() => undefined);
  }
}

function joined(chunks: readonly Uint8Array[]): Uint8Array {
  const total = chunks.reduce((sum, chunk) => sum + chunk.byteLength, 0);
  const out = new Uint8Array(total);
  let at = 0;
  for (const chunk of chunks) {
    out.set(chunk, at);
    at += chunk.byteLength;
  }
  return out;
}

/** Fewer bytes than announced: half an answer. Compressed answers announce another length than they unpack to. */
function requireWhole(response: FetchResponse, received: number): void {
  const announced = response.headers.get("content-length");
  if (announced === null || response.headers.get("content-encoding") !== null) return;
  if (Number(announced) > received) throw new Error(`${received} of ${announced} bytes arrived`);
}

function unreachable(url: string, error: unknown): RefineError {
  const why = error instanceof Error ? error.message : String(error);
  return webError(
    `The server cannot be reached, or broke off: ${why}.`,
    "Check the connection and try again; nothing is lost.",
    { url: placeOf(url), reason: error instanceof Silence ? "timeout" : "connection" },
    error,
  );
}

export interface Transport {
  /** One request with its whole answer, repeated after failures that may pass. */
  request(request: Request): Promise<Answer>;
  /** One request whose answer is handed on as it arrives; not repeated once it has begun. */
  stream(request: Request): AsyncGenerator<{ readonly contentType: string; readonly chunk: Uint8Array }>;
}

export function createTransport(options: TransportOptions): Transport {
  const { fetch, idleTimeoutMs = 60_000, retries = 3, retryDelayMs = 500 } = options;

  const send = async (request: Request, signal: AbortSignal): Promise<FetchResponse> =>
    fetch(request.url, {
      method: request.method,
      headers: {
        Accept: request.accept,
        ...(request.contentType === undefined ? {} : { "Content-Type": request.contentType }),
        ...options.headers?.(),
      },
      ...(request.body === undefined ? {} : { body: request.body }),
      signal,
    });

  /** Calls `attempt` until it answers, with growing pauses between failures that may pass. */
  const repeat = async <T>(request: Request, attempt: () => Promise<T | Retry>): Promise<T> => {
    let delay = retryDelayMs;
    for (let failures = 0; ; failures++) {
      request.signal?.throwIfAborted();
      const outcome = await attempt();
      if (!(outcome instanceof Retry)) return outcome;
      if (failures >= retries) throw outcome.error;
      await pause(Math.min(Math.max(delay, outcome.afterMs), LONGEST_PAUSE_MS), request.signal);
      delay *= 2;
    }
  };

  const judge = (request: Request, response: FetchResponse): Retry | undefined => {
    const { status } = response;
    if (request.accepted.includes(status)) return undefined;
    const error = statusError(status, request.url);
    if (!PASSING.has(status)) throw error;
    const seconds = Number(response.headers.get("retry-after") ?? "0");
    return new Retry(error, Number.isFinite(seconds) ? seconds * 1000 : 0);
  };

  const onFailure = (request: Request, error: unknown, watch: { readonly signal: AbortSignal }): Retry => {
    request.signal?.throwIfAborted();
    if (error instanceof RefineError) throw error;
    return new Retry(unreachable(request.url, watch.signal.aborted ? watch.signal.reason : error), 0);
  };

  return {
    request: (request) =>
      repeat<Answer>(request, async () => {
        const watch = watchdog(request.signal, idleTimeoutMs);
        try {
          const response = await send(request, watch.signal);
          const chunks: Uint8Array[] = [];
          for await (const chunk of chunksOf(response, watch.touch)) chunks.push(chunk);
          const body = joined(chunks);
          const retry = judge(request, response);
          if (retry !== undefined) return retry;
          requireWhole(response, body.byteLength);
          return { status: response.status, contentType: response.headers.get("content-type") ?? "", body };
        } catch (error) {
          return onFailure(request, error, watch);
        } finally {
          watch.stop();
        }
      }),

    async *stream(request) {
      let watch = watchdog(request.signal, idleTimeoutMs);
      const response = await repeat<FetchResponse>(request, async () => {
        watch.stop();
        watch = watchdog(request.signal, idleTimeoutMs);
        try {
          const answer = await send(request, watch.signal);
          return judge(request, answer) ?? answer;
        } catch (error) {
          return onFailure(request, error, watch);
        }
      });
      watch.touch();
      const contentType = response.headers.get("content-type") ?? "";
      let received = 0;
      try {
        for await (const chunk of chunksOf(response, watch.touch)) {
          received += chunk.byteLength;
          yield { contentType, chunk };
        }
        requireWhole(response, received);
      } catch (error) {
        request.signal?.throwIfAborted();
        if (error instanceof RefineError) throw error;
        throw unreachable(request.url, watch.signal.aborted ? watch.signal.reason : error);
      } finally {
        watch.stop();
      }
    },
  };
}

class Retry {
  readonly error: RefineError;
  readonly afterMs: number;

  constructor(error: RefineError, afterMs: number) {
    this.error = error;
    this.afterMs = afterMs;
  }
}
