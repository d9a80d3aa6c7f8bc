import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { IdleTasks } from "./idle-tasks.ts";

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

test("a task waits for a pause, and the next one for its end", async () => {
  const tasks = new IdleTasks(1000);
  const [first, second] = [task(), task()];
  let end = () => {};
  const use = tasks.during(() => new Promise<void>((resolve) => (end = resolve)));
  tasks.enqueue(first.run);
  tasks.enqueue(second.run);
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
  const tasks = new IdleTasks(1000);
  const { seen, run } = task();
  tasks.enqueue(run);
  await vi.advanceTimersByTimeAsync(1000);
  expect(await tasks.during(async () => seen.aborted)).toBe(1);
  expect(seen.started).toBe(1);
  await vi.advanceTimersByTimeAsync(1000);
  expect(seen.started).toBe(2);
});

test("a task that fails is over; after dispose nothing begins", async () => {
  const tasks = new IdleTasks(10);
  let runs = 0;
  tasks.enqueue(async () => {
    runs++;
    throw new Error("no");
  });
  await vi.advanceTimersByTimeAsync(100);
  expect(runs).toBe(1);
  const { seen, run } = task();
  tasks.enqueue(run);
  await vi.advanceTimersByTimeAsync(10);
  await tasks.dispose();
  expect(seen.aborted).toBe(1);
  tasks.enqueue(run);
  await tasks.during(async () => {});
  await vi.advanceTimersByTimeAsync(100);
  expect(seen.started).toBe(1);
});
