import type { Progress, TaskOptions } from "@samrefine/core";

/** Page to worker. */
type Order = { readonly kind: "abort" };
/** Worker to page. */
type News =
  | { readonly kind: "progress"; readonly progress: Progress }
  | { readonly kind: "log"; readonly level: "debug" | "warn"; readonly message: string }
  | { readonly kind: "end" };

/** What crosses in place of a {@link TaskLink}. */
export interface TaskTicket {
  readonly port: MessagePort;
  readonly aborted: boolean;
  /** Whether anybody wants to know how far the task is. */
  readonly isWatched: boolean;
}

/** The page's end of a task under way in a worker: its signal goes over, its progress and log lines come back. */
export class TaskLink {
  /** Resolves when the worker has sent its last word, so that no progress is lost behind a result that came earlier. */
  readonly ended: Promise<void>;
  readonly #options: TaskOptions;
  readonly #channel = new MessageChannel();
  readonly #onAbort = () => this.#channel.port1.postMessage({ kind: "abort" } satisfies Order);

  constructor(options: TaskOptions) {
    this.#options = options;
    this.ended = new Promise((resolve) => {
      this.#channel.port1.onmessage = (event: MessageEvent<News>) => {
        const news = event.data;
        if (news.kind === "end") resolve();
        else if (news.kind === "progress") options.onProgress?.(news.progress);
        else options.logger?.[news.level](news.message);
      };
    });
    options.signal?.addEventListener("abort", this.#onAbort, { once: true });
  }

  /** To be sent, once. */
  ticket(): [ticket: TaskTicket, transfer: Transferable[]] {
    const { port2 } = this.#channel;
    const { signal, onProgress } = this.#options;
    return [{ port: port2, aborted: signal?.aborted ?? false, isWatched: onProgress !== undefined }, [port2]];
  }

  close(): void {
    this.#options.signal?.removeEventListener("abort", this.#onAbort);
    this.#channel.port1.close();
  }
}

/** Milliseconds between two progress events, except for the last one of a stage. */
const progressIntervalMs = 100;

/** The worker's end: ordinary task options, and an end that must be said. */
export class RemoteTask {
  readonly options: Required<TaskOptions>;
  readonly #port: MessagePort;
  #lastProgress = Number.NEGATIVE_INFINITY;

  constructor(ticket: TaskTicket) {
    const controller = new AbortController();
    // The page rejects with its own reason; this one only unwinds the worker.
    const abort = () => controller.abort(new DOMException("The task was cancelled.", "AbortError"));
    if (ticket.aborted) abort();
    this.#port = ticket.port;
    this.#port.onmessage = (event: MessageEvent<Order>) => {
      if (event.data.kind === "abort") abort();
    };
    const log = (level: "debug" | "warn") => (message: string) => this.#send({ kind: "log", level, message });
    this.options = {
      signal: controller.signal,
      onProgress: (progress) => {
        if (ticket.isWatched) this.#sendProgress(progress);
      },
      logger: { debug: log("debug"), warn: log("warn") },
    };
  }

  end(): void {
    this.#send({ kind: "end" });
    // Ends the listening; what was sent before is still delivered.
    this.#port.close();
  }

  #sendProgress(progress: Progress): void {
    const now = performance.now();
    if (progress.completed !== progress.total && now - this.#lastProgress < progressIntervalMs) return;
    this.#lastProgress = now;
    this.#send({ kind: "progress", progress });
  }

  #send(news: News): void {
    this.#port.postMessage(news);
  }
}
