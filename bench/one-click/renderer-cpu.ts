import type { Browser } from "playwright-core";

/** Processor time that all tabs of the browser have used so far, seconds; drawing, in a process of its own, is not in it. */
export async function rendererCpuSeconds(browser: Browser): Promise<number> {
  const session = await browser.newBrowserCDPSession();
  try {
    const { processInfo } = await session.send("SystemInfo.getProcessInfo");
    return processInfo.reduce((sum, { type, cpuTime }) => (type === "renderer" ? sum + cpuTime : sum), 0);
  } finally {
    await session.detach();
  }
}
