import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { PreEncode, slicesAround } from "./pre-encode.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** Slices that take a second each, and the order in which they were begun and finished. */
function slices(count: number) {
  const log: string[] = [];
  const state = { visible: 0, isWanted: true };
  const preEncode = new PreEncode(
    () =>
      state.isWanted
        ? slicesAround(state.visible, count, 1).map((slice) => ({
            key: String(slice),
            encode: (signal) =>
              new Promise((resolve, reject) => {
                log.push(`begin ${slice}`);
                const timer = setTimeout(() => {
                  log.push(`end ${slice}`);
                  resolve();
                }, 1000);
                signal.addEventListener("abort", () => {
                  clearTimeout(timer);
                  reject(signal.reason);
                });
              }),
          }))
        : [],
    100,
  );
  return { log, state, preEncode };
}

test("the visible slice and its neighbours are read once each, after a pause", async () => {
  const { log, preEncode, state } = slices(10);
  state.visible = 4;
  preEncode.tasks.schedule();
  await vi.advanceTimersByTimeAsync(99);
  expect(log).toEqual([]);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(log).toEqual(["begin 4", "end 4", "begin 5", "end 5", "begin 3", "end 3"]);
  state.visible = 5;
  preEncode.tasks.schedule();
  await vi.advanceTimersByTimeAsync(10_000);
  expect(log.slice(6)).toEqual(["begin 6", "end 6"]);
});

test("it makes way at once, goes on after the next pause, and does nothing while nothing is wanted", async () => {
  const { log, preEncode, state } = slices(3);
  preEncode.tasks.schedule();
  await vi.advanceTimersByTimeAsync(500);
  preEncode.tasks.makeWay();
  state.isWanted = false;
  await vi.advanceTimersByTimeAsync(5000);
  expect(log).toEqual(["begin 0"]);
  preEncode.tasks.schedule();
  await vi.advanceTimersByTimeAsync(5000);
  expect(log).toEqual(["begin 0"]);
  state.isWanted = true;
  preEncode.tasks.schedule();
  await vi.advanceTimersByTimeAsync(1150);
  expect(log).toEqual(["begin 0", "begin 0", "end 0"]);
});

test("after the cache was cleared a slice is read again", async () => {
  const { log, preEncode } = slices(1);
  preEncode.tasks.schedule();
  await vi.advanceTimersByTimeAsync(5000);
  preEncode.forget();
  preEncode.tasks.schedule();
  await vi.advanceTimersByTimeAsync(5000);
  expect(log).toEqual(["begin 0", "end 0", "begin 0", "end 0"]);
});

test("it ends with the study", async () => {
  const { log, preEncode } = slices(3);
  preEncode.tasks.schedule();
  await vi.advanceTimersByTimeAsync(500);
  await preEncode.tasks.dispose();
  preEncode.tasks.schedule();
  await vi.advanceTimersByTimeAsync(5000);
  expect(log).toEqual(["begin 0"]);
});
