import type { TaskOptions } from "@samrefine/core";

/** What the runner needs from its surroundings; everything that touches pixels or the host is behind it. */
export interface RunnerPorts<Slice, Result> {
  /** Segments and refines one slice. Several calls may be under way at once. */
  process(slice: Slice, signal: AbortSignal): Promise<Result>;
  /** Shows and keeps the result; called one at a time, in the order in which slices finish. */
  apply(slice: Slice, result: Result): void | Promise<void>;
  /** Asked before a slice begins: one that is not wanted any more is passed over. Default: all are. */
  isWanted?(slice: Slice, failed: readonly FailedSlice<Slice>[]): boolean;
}

export interface RunOptions extends TaskOptions {
  /** Slices under way at once, default two: while the models run on one, the next one is read and prepared. */
  readonly concurrency?: number;
}

export interface FailedSlice<Slice> {
  readonly slice: Slice;
  readonly error: unknown;
}

export interface RunOutcome<Slice> {
  readonly finished: readonly Slice[];
  readonly failed: readonly FailedSlice<Slice>[];
  readonly isCancelled: boolean;
}

/**
 * Runs slices, of one series or of many, in the given order. One that fails is reported and the rest goes on; cancelling keeps
 * what is finished and resolves with `isCancelled`, it does not reject.
 */
export async function runSlices<Slice, Result>(
  order: readonly Slice[],
  ports: RunnerPorts<Slice, Result>,
  options: RunOptions = {},
): Promise<RunOutcome<Slice>> {
  const signal = options.signal ?? new AbortController().signal;
  const finished: Slice[] = [];
  const failed: FailedSlice<Slice>[] = [];
  let next = 0;
  let applying: Promise<void> = Promise.resolve();

  const report = () =>
    options.onProgress?.({
      stage: "slices",
      completed: finished.length + failed.length,
      total: order.length,
      unit: "slice",
    });

  const work = async (): Promise<void> => {
    while (next < order.length && !signal.aborted) {
      const slice = order[next++]!;
      if (ports.isWanted?.(slice, failed) === false) continue;
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
