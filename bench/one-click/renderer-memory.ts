import { readFile, writeFile } from "node:fs/promises";
import type { Browser } from "playwright-core";

/** The process of the browser's one tab: page, workers and WebAssembly together. Linux only. */
export class RendererMemory {
  readonly #pid: number;

  private constructor(pid: number) {
    this.#pid = pid;
  }

  /** @returns undefined where there is no /proc */
  static async of(browser: Browser): Promise<RendererMemory | undefined> {
    const session = await browser.newBrowserCDPSession();
    try {
      const { processInfo } = await session.send("SystemInfo.getProcessInfo");
      // A spare renderer may wait beside the tab's own; the tab's is the large one.
      let largest: { readonly pid: number; readonly megabytes: number } | undefined;
      for (const { type, id } of processInfo) {
        const megabytes = type === "renderer" ? await residentMegabytes(id, "VmRSS") : undefined;
        if (megabytes !== undefined && megabytes > (largest?.megabytes ?? 0)) largest = { pid: id, megabytes };
      }
      return largest && new RendererMemory(largest.pid);
    } finally {
      await session.detach();
    }
  }

  /** Resident set now, MB (10^6 bytes). */
  async now(): Promise<number> {
    return (await residentMegabytes(this.#pid, "VmRSS")) ?? Number.NaN;
  }

  /** Lets the kernel begin a new high-water mark. */
  async resetPeak(): Promise<void> {
    await writeFile(`/proc/${this.#pid}/clear_refs`, "5");
  }

  /** Largest resident set since {@link resetPeak}, MB. */
  async peak(): Promise<number> {
    return (await residentMegabytes(this.#pid, "VmHWM")) ?? Number.NaN;
  }
}

async function residentMegabytes(pid: number, field: "VmRSS" | "VmHWM"): Promise<number | undefined> {
  const status = await readFile(`/proc/${pid}/status`, "utf8").catch(() => "");
  const kibibytes = new RegExp(`^${field}:\\s+(\\d+) kB`, "m").exec(status)?.[1];
  return kibibytes === undefined ? undefined : (Number(kibibytes) * 1024) / 1e6;
}
