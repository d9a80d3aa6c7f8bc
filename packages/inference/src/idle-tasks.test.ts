import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { type IdleTask, IdleTasks } from "./idle-tasks.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** A task that ends when it is told to, or aborted. */
function task() {
  const seen = { started: 0, aborted: 0, finish: () => {} };
  const run = (signal: AbortSignal): Promise<void> => {
    seen.started++;
    return new Promise((resolve, reject) => {
      seen.finish = resolve;
      signal.addEventListener("abort", () => {
        seen.aborted++;
        reject(signal.reason);
      });
    });
  };
  return { seen, run };
}

/** Offers every task until it ends otherwise than by being aborted. */
function tasksOf(pauseMs: number, ...runs: IdleTask[]) {
  const waiting = new Set(runs);
  return new IdleTasks(pauseMs, () => {
    const [run] = waiting;
    return (
      run &&
      ((signal) =>
        run(signal).finally(() => {
          if (!signal.aborted) waiting.delete(run);
        }))
    );
  });
}

test("a task waits for a pause, and the next one for its end", async () => {
  const [first, second] = [task(), task()];
  const tasks = tasksOf(1000, first.run, second.run);
  let end = () => {};
  const use = tasks.during(() => new Promise<void>((resolve) => (end = resolve)));
  tasks.schedule();
  await vi.advanceTimersByTimeAsync(5000);
  expect(first.seen.started).toBe(0);
  end();
  await use;
  await vi.advanceTimersByTimeAsync(999);
  expect(first.seen.started).toBe(0);
  await vi.advanceTimersByTimeAsync(1);
  expect(first.seen.started).toBe(1);
  await vi.advanceTimersByTimeAsync(5000);
  expect(second.seen.started).toBe(0);
  first.seen.finish();
  await vi.advanceTimersByTimeAsync(1000);
  expect([first.seen.started, second.seen.started]).toEqual([1, 1]);
});

test("use aborts what runs, at once, and it is started again after the next pause", async () => {
  const { seen, run } = task();
  const tasks = tasksOf(1000, run);
  tasks.schedule();
  await vi.advanceTimersByTimeAsync(1000);
  expect(await tasks.during(async () => seen.aborted)).toBe(1);
  expect(seen.started).toBe(1);
  await vi.advanceTimersByTimeAsync(1000);
  expect(seen.started).toBe(2);
});

test("a task that fails ends; after dispose nothing begins", async () => {
  let runs = 0;
  const { seen, run } = task();
  const failing = async () => {
    runs++;
    throw new Error("no");
  };
  const tasks = tasksOf(10, failing, run);
  tasks.schedule();
  await vi.advanceTimersByTimeAsync(100);
  expect([runs, seen.started]).toEqual([1, 1]);
  await tasks.dispose();
  expect(seen.aborted).toBe(1);
  tasks.schedule();
  await tasks.during(async () => {});
  await vi.advanceTimersByTimeAsync(100);
  expect(seen.started).toBe(1);
});

test("what had to make way is begun again only when somebody says that it may", async () => {
  const offered: number[] = [];
  const { seen, run } = task();
  const tasks = new IdleTasks(10, () => {
    offered.push(offered.length);
    return offered.length === 2 ? undefined : run;
  });
  tasks.schedule();
  await vi.advanceTimersByTimeAsync(10);
  tasks.makeWay();
  // Asked once more, and there is nothing now.
  await vi.advanceTimersByTimeAsync(1000);
  expect([seen.started, seen.aborted, offered.length]).toEqual([1, 1, 2]);
  tasks.schedule();
  await vi.advanceTimersByTimeAsync(10);
  expect(seen.started).toBe(2);
});
