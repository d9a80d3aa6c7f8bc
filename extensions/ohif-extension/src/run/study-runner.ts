import type { TaskOptions } from "@samrefine/core";

/** What the runner needs from its surroundings; everything that touches pixels or the host is behind it. */
export interface RunnerPorts<Result> {
  /** Segments and refines one slice. Several calls may be under way at once. */
  process(slice: number, signal: AbortSignal): Promise<Result>;
  /** Shows and keeps the result; called one at a time, in the order in which slices finish. */
  apply(slice: number, result: Result): void | Promise<void>;
}

export interface RunOptions extends TaskOptions {
  /** Slices under way at once. Two keep the model busy while the other slice is prepared. */
  readonly concurrency?: number;
}

export interface FailedSlice {
  readonly slice: number;
  readonly error: unknown;
}

export interface RunOutcome {
  readonly finished: readonly number[];
  readonly failed: readonly FailedSlice[];
  readonly isCancelled: boolean;
}

/**
 * Runs all slices in the given order. A slice that fails is reported and the rest goes on; cancelling keeps what is finished
 * and resolves with `isCancelled`, it does not reject. When the first {@link HOPELESS_AFTER} slices all fail with nothing
 * finished the run stops: the fault is then in the model or the machine, not in a slice.
 */
export async function runSlices<Result>(
  order: readonly number[],
  ports: RunnerPorts<Result>,
  options: RunOptions = {},
): Promise<RunOutcome> {
  const signal = options.signal ?? new AbortController().signal;
  const finished: number[] = [];
  const failed: FailedSlice[] = [];
  let next = 0;
  let applying: Promise<void> = Promise.resolve();

  const isHopeless = () => finished.length === 0 && failed.length >= HOPELESS_AFTER;
  const report = () =>
    options.onProgress?.({
      stage: "slices",
      completed: finished.length + failed.length,
      total: order.length,
      unit: "slice",
    });

  const work = async (): Promise<void> => {
    while (next < order.length && !signal.aborted && !isHopeless()) {
      const slice = order[next++]!;
      try {
        const result = await ports.process(slice, signal);
        const turn = applying.then(async () => {
          if (signal.aborted) return;
          await ports.apply(slice, result);
          finished.push(slice);
          report();
        });
        applying = turn.catch(() => {});
        await turn;
      } catch (error) {
        if (signal.aborted) return;
        failed.push({ slice, error });
        report();
      }
    }
  };

  report();
  await Promise.all(Array.from({ length: options.concurrency ?? 2 }, work));
  return { finished, failed, isCancelled: signal.aborted };
}

const HOPELESS_AFTER = 3;
