import type { Progress, TaskOptions } from "@samrefine/core";

/** Worker to page. */
type News =
  | { readonly kind: "progress"; readonly progress: Progress }
  | { readonly kind: "log"; readonly level: "debug" | "warn"; readonly message: string }
  | { readonly kind: "end" };

/** What crosses in place of a {@link TaskLink}. */
export interface TaskTicket {
  /** Names the task when it is cancelled. */
  readonly id: number;
  readonly aborted: boolean;
  /** For {@link News}; undefined where nobody listens, since every message wakes a thread while models need the processors. */
  readonly port: MessagePort | undefined;
}

let lastId = 0;

/** The page's end of a task under way in a worker: its signal goes over, its progress and log lines come back. */
export class TaskLink {
  readonly id: number = ++lastId;
  /** Resolves when the worker has sent its last word, so that no progress is lost behind a result that came earlier. */
  readonly ended: Promise<void> | undefined;
  readonly #signal: AbortSignal | undefined;
  readonly #channel: MessageChannel | undefined;
  readonly #onAbort: () => void;

  /** @param cancel tells the worker to end the task of this number. */
  constructor({ signal, onProgress, logger }: TaskOptions, cancel: (id: number) => void) {
    this.#signal = signal;
    this.#onAbort = () => cancel(this.id);
    signal?.addEventListener("abort", this.#onAbort, { once: true });
    if (!onProgress && !logger) return;
    const channel = new MessageChannel();
    this.#channel = channel;
    this.ended = new Promise((resolve) => {
      channel.port1.onmessage = (event: MessageEvent<News>) => {
        const news = event.data;
        if (news.kind === "end") resolve();
        else if (news.kind === "progress") onProgress?.(news.progress);
        else logger?.[news.level](news.message);
      };
    });
  }

  /** To be sent, once. */
  ticket(): [ticket: TaskTicket, transfer: Transferable[]] {
    const port = this.#channel?.port2;
    return [{ id: this.id, aborted: this.#signal?.aborted ?? false, port }, port ? [port] : []];
  }

  close(): void {
    this.#signal?.removeEventListener("abort", this.#onAbort);
    this.#channel?.port1.close();
  }
}

/** Milliseconds between two progress events, except for the last one of a stage. */
const progressIntervalMs = 100;

/** The worker's end: ordinary task options, and an end that must be said. */
export class RemoteTask {
  readonly id: number;
  readonly options: Required<TaskOptions>;
  readonly #controller = new AbortController();
  readonly #port: MessagePort | undefined;
  #lastProgress = Number.NEGATIVE_INFINITY;

  constructor({ id, aborted, port }: TaskTicket) {
    this.id = id;
    this.#port = port;
    if (aborted) this.abort();
    const log = (level: "debug" | "warn") => (message: string) => this.#send({ kind: "log", level, message });
    this.options = {
      signal: this.#controller.signal,
      onProgress: (progress) => this.#sendProgress(progress),
      logger: { debug: log("debug"), warn: log("warn") },
    };
  }

  /** The page rejects with its own reason; this one only unwinds the worker. */
  abort(): void {
    this.#controller.abort(new DOMException("The task was cancelled.", "AbortError"));
  }

  end(): void {
    this.#send({ kind: "end" });
    // Ends the listening; what was sent before is still delivered.
    this.#port?.close();
  }

  #sendProgress(progress: Progress): void {
    const now = performance.now();
    if (progress.completed !== progress.total && now - this.#lastProgress < progressIntervalMs) return;
    this.#lastProgress = now;
    this.#send({ kind: "progress", progress });
  }

  #send(news: News): void {
    this.#port?.postMessage(news);
  }
}
