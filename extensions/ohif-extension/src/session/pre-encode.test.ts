import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { PreEncode, slicesAround } from "./pre-encode.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** Slices that take a second each, and the order in which they were begun and finished. */
function slices(count: number) {
  const log: string[] = [];
  const life = new AbortController();
  const state = { visible: 0, isWanted: true };
  const preEncode = new PreEncode({
    life: life.signal,
    pauseMs: 100,
    wanted: () =>
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
  });
  return { log, life, state, preEncode };
}

test("the visible slice and its neighbours are read once each, after a pause", async () => {
  const { log, preEncode, state } = slices(10);
  state.visible = 4;
  preEncode.schedule();
  await vi.advanceTimersByTimeAsync(99);
  expect(log).toEqual([]);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(log).toEqual(["begin 4", "end 4", "begin 5", "end 5", "begin 3", "end 3"]);
  state.visible = 5;
  preEncode.schedule();
  await vi.advanceTimersByTimeAsync(10_000);
  expect(log.slice(6)).toEqual(["begin 6", "end 6"]);
});

test("it makes way at once, goes on after the next pause, and does nothing while nothing is wanted", async () => {
  const { log, preEncode, state } = slices(3);
  preEncode.schedule();
  await vi.advanceTimersByTimeAsync(500);
  preEncode.yield();
  state.isWanted = false;
  await vi.advanceTimersByTimeAsync(5000);
  expect(log).toEqual(["begin 0"]);
  preEncode.schedule();
  await vi.advanceTimersByTimeAsync(5000);
  expect(log).toEqual(["begin 0"]);
  state.isWanted = true;
  preEncode.schedule();
  await vi.advanceTimersByTimeAsync(1150);
  expect(log).toEqual(["begin 0", "begin 0", "end 0"]);
});

test("it ends with the study", async () => {
  const { log, life, preEncode } = slices(3);
  preEncode.schedule();
  await vi.advanceTimersByTimeAsync(500);
  life.abort();
  preEncode.schedule();
  await vi.advanceTimersByTimeAsync(5000);
  expect(log).toEqual(["begin 0"]);
});
