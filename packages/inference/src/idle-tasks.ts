/** Looks at its signal, and cleans up after itself when it is aborted. */
export type IdleTask = (signal: AbortSignal) => Promise<void>;

/**
 * Work that can wait until nobody needs the engine, and makes way at once when somebody does. Tasks run one at a time, each
 * after a pause.
 */
export class IdleTasks {
  readonly #pauseMs: number;
  readonly #next: () => IdleTask | undefined;
  #uses = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #running: { readonly controller: AbortController; readonly ended: Promise<void> } | undefined;
  #disposed = false;

  /**
   * @param pauseMs so long nobody must have asked before a task begins.
   * @param next what is to be done now, undefined for nothing. One that was aborted is there to be offered again; what else a
   *   task throws is its end, and the offerer's to remember.
   */
  constructor(pauseMs: number, next: () => IdleTask | undefined) {
    this.#pauseMs = pauseMs;
    this.#next = next;
  }

  /** There may be something to do: begins after a pause, which every further call prolongs. */
  schedule(): void {
    clearTimeout(this.#timer);
    if (this.#disposed || this.#uses > 0 || this.#running) return;
    this.#timer = setTimeout(() => this.#begin(), this.#pauseMs);
    // In Node a task that only waits must not keep the process alive; browsers have plain numbers here.
    (this.#timer as { unref?: () => void }).unref?.();
  }

  /** Somebody needs the engine; a model run that is under way ends by itself. */
  makeWay(): void {
    clearTimeout(this.#timer);
    this.#running?.controller.abort(new DOMException("The engine is needed.", "AbortError"));
  }

  /** Runs what somebody waits for. */
  async during<T>(use: () => Promise<T>): Promise<T> {
    this.#uses++;
    this.makeWay();
    try {
      return await use();
    } finally {
      this.#uses--;
      this.schedule();
    }
  }

  /** Resolves when no task runs any more. */
  async dispose(): Promise<void> {
    this.#disposed = true;
    this.makeWay();
    await this.#running?.ended;
  }

  #begin(): void {
    const task = this.#next();
    if (!task) return;
    const controller = new AbortController();
    const ended = task(controller.signal)
      .catch(() => {})
      .then(() => {
        this.#running = undefined;
        this.schedule();
      });
    this.#running = { controller, ended };
  }
}
