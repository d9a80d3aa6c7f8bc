import type { WatchedPage } from "./browser.ts";

/** Path of our bundle; scripts from elsewhere are the host's. */
const ours = "/samrefine/";

/**
 * Prints what a run cost the main thread and the page's heap. Nothing is asserted: on a busy machine every task is long, so
 * the numbers are to be read, not tested.
 * @param sinceMs on the page's own clock (`performance.now()`)
 */
export async function reportMainThread(name: string, watched: WatchedPage, sinceMs: number): Promise<void> {
  const [tasks, frames] = await Promise.all([watched.longTasks(), watched.longFrames()]);
  const long = tasks.filter(({ startMs }) => startMs >= sinceMs);
  const scripts = frames
    .filter(({ startMs }) => startMs >= sinceMs)
    .flatMap((frame) => frame.scripts)
    .filter(({ sourceUrl, durationMs }) => sourceUrl.includes(ours) && durationMs > 50);
  const { heapMiB, nowMs } = await watched.page.evaluate(() => {
    const { memory } = performance as Performance & { readonly memory?: { readonly usedJSHeapSize: number } };
    return { heapMiB: Math.round((memory?.usedJSHeapSize ?? 0) / 2 ** 20), nowMs: performance.now() };
  });
  const longest = Math.max(0, ...long.map(({ durationMs }) => durationMs));
  console.info(
    `${name}: ${((nowMs - sinceMs) / 1000).toFixed(1)} s; ${long.length} tasks over 50 ms on the main thread, the longest ` +
      `${Math.round(longest)} ms; ${scripts.length} of them in our scripts; JavaScript heap ${heapMiB} MiB`,
  );
  for (const { name: invoker, durationMs } of scripts.toSorted((a, b) => b.durationMs - a.durationMs).slice(0, 5)) {
    console.info(`  ours: ${Math.round(durationMs)} ms in ${invoker}`);
  }
}
