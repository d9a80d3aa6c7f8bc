/**
 * One task at a time, in order of arrival: a runtime's sessions share threads and memory, so that runs side by side only
 * slow each other down. A task that fails rejects for its caller alone; the next one runs.
 */
export class RunQueue {
  #tail: Promise<unknown> = Promise.resolve();

  /**
   * A task that is aborted while it waits is never started and rejects at once. A task that is under way cannot be
   * interrupted: it is up to the task to look at the signal between its own steps.
   */
  enqueue<T>(task: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const onAbort = () => reject(signal?.reason);
      if (signal?.aborted) return onAbort();
      signal?.addEventListener("abort", onAbort, { once: true });
      this.#tail = this.#tail.then(async () => {
        signal?.removeEventListener("abort", onAbort);
        if (signal?.aborted) return;
        await task().then(resolve, reject);
      });
    });
  }
}
