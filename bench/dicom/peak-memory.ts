import { readFileSync, writeFileSync } from "node:fs";

/** High-water mark of the resident memory, bytes. */
function highWater(): number {
  const line = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync("/proc/self/status", "utf8"));
  return line === null ? process.resourceUsage().maxRSS * 1024 : Number(line[1]) * 1024;
}

/**
 * Runs an action and says how far the resident memory rose above what it was before, garbage of the action included: what
 * the machine must have. Linux only, where the high-water mark can be set back.
 */
export async function peakMemoryOf<T>(
  action: () => T | Promise<T>,
): Promise<{ readonly result: T; readonly bytes: number }> {
  globalThis.gc?.();
  writeFileSync("/proc/self/clear_refs", "5");
  const before = process.memoryUsage.rss();
  const result = await action();
  return { result, bytes: Math.max(0, highWater() - before) };
}
