/**
 * Work that can wait until nobody needs the engine, and makes way at once when somebody does. Tasks run one at a time, in
 * the order in which they came; one that had to make way is started again after the next pause.
 */
export class IdleTasks {
  readonly #idleMs: number;
  readonly #waiting: ((signal: AbortSignal) => Promise<void>)[] = [];
  #uses = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #running: { readonly controller: AbortController; readonly ended: Promise<void> } | undefined;
  #disposed = false;

  /** @param idleMs so long nothing must have been in use before a task begins. */
  constructor(idleMs: number) {
    this.#idleMs = idleMs;
  }

  /** @param task looks at its signal, and cleans up after itself when it is aborted; what else it throws is its end too. */
  enqueue(task: (signal: AbortSignal) => Promise<void>): void {
    if (this.#disposed) return;
    this.#waiting.push(task);
    this.#wait();
  }

  /** Runs what somebody waits for. */
  async during<T>(use: () => Promise<T>): Promise<T> {
    this.#uses++;
    clearTimeout(this.#timer);
    this.#running?.controller.abort(new DOMException("The engine is needed.", "AbortError"));
    try {
      return await use();
    } finally {
      this.#uses--;
      this.#wait();
    }
  }

  /** Resolves when no task runs any more. */
  async dispose(): Promise<void> {
    this.#disposed = true;
    this.#waiting.length = 0;
    clearTimeout(this.#timer);
    this.#running?.controller.abort(new DOMException("The engine was disposed.", "AbortError"));
    await this.#running?.ended;
  }

  #wait(): void {
    clearTimeout(this.#timer);
    if (this.#disposed || this.#uses > 0 || this.#running || this.#waiting.length === 0) return;
    this.#timer = setTimeout(() => this.#runNext(), this.#idleMs);
    // In Node a task that only waits must not keep the process alive; browsers have plain numbers here.
    (this.#timer as { unref?: () => void }).unref?.();
  }

  #runNext(): void {
    const task = this.#waiting.shift();
    if (!task) return;
    const controller = new AbortController();
    const ended = task(controller.signal)
      .catch(() => {})
      .then(() => {
        this.#running = undefined;
        if (controller.signal.aborted && !this.#disposed) this.#waiting.unshift(task);
        this.#wait();
      });
    this.#running = { controller, ended };
  }
}
