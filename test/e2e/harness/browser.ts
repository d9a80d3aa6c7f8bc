import { existsSync } from "node:fs";
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";
import { artifactPath } from "./artifacts.ts";

const chromiumPaths = [
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
];

/** Software rendering, and none of the traffic that a browser makes by itself. */
const launchArguments = [
  "--no-sandbox",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--use-gl=angle",
  "--use-angle=swiftshader",
  "--enable-unsafe-swiftshader",
];

/** Path of the system's Chromium: `CHROMIUM`, or the first known one. */
export function findChromium(): string | undefined {
  return [process.env.CHROMIUM ?? "", ...chromiumPaths].find((path) => path !== "" && existsSync(path));
}

/** Starts the system's Chromium without a window. `extraArguments` e.g. to take WebGL away. */
export async function launchBrowser(extraArguments: readonly string[] = []): Promise<Browser> {
  const executablePath = findChromium();
  if (executablePath === undefined) throw new Error("No Chromium was found; set CHROMIUM to its path.");
  return chromium.launch({ executablePath, headless: true, args: [...launchArguments, ...extraArguments] });
}

/** A stretch of the main thread longer than 50 ms. */
export interface LongTask {
  readonly startMs: number;
  readonly durationMs: number;
}

/** A script in a slow frame. */
export interface LongScript {
  readonly sourceUrl: string;
  /** Where its function begins in the file, in characters; -1 when the browser does not say. */
  readonly sourcePosition: number;
  /** Who called it, e.g. `Worker.onmessage`. */
  readonly name: string;
  /** Its own time. */
  readonly durationMs: number;
}

/** A slow frame, with the scripts that ran in it. */
export interface LongFrame extends LongTask {
  readonly scripts: readonly LongScript[];
}

/** One page with a fresh profile, watched from its first byte. */
export interface WatchedPage {
  readonly page: Page;
  readonly context: BrowserContext;
  /** Addresses of other origins that anything in the page asked for; must stay empty. */
  readonly foreignRequests: readonly string[];
  /** Errors on the console (failed policies and requests among them) and exceptions that nobody caught. */
  readonly errors: readonly string[];
  /** Everything on the console, for a failing test to print. */
  readonly console: readonly string[];
  readonly longTasks: () => Promise<readonly LongTask[]>;
  readonly longFrames: () => Promise<readonly LongFrame[]>;
  /** Writes `<name>.png` to the artifacts. @returns its path */
  screenshot(name: string): Promise<string>;
  close(): Promise<void>;
}

/** Opens an empty page that belongs to the given origin. */
export async function openWatchedPage(browser: Browser, origin: string): Promise<WatchedPage> {
  const context = await browser.newContext({ viewport: { width: 1400, height: 900 }, acceptDownloads: true });
  const foreignRequests: string[] = [];
  const errors: string[] = [];
  const messages: string[] = [];
  // On the context, so that requests of workers are seen as well.
  context.on("request", (request) => {
    const url = request.url();
    if (!url.startsWith(`${origin}/`) && !/^(blob|data|about):/.test(url)) foreignRequests.push(url);
  });
  const page = await context.newPage();
  // Generous, since a machine may be busy with other things: nothing here waits for a time to pass.
  page.setDefaultTimeout(60_000);
  page.setDefaultNavigationTimeout(120_000);
  page.on("console", (message) => {
    messages.push(`[${message.type()}] ${message.text()}`);
    if (message.type() === "error") errors.push(`${message.text()} (${message.location().url})`);
  });
  page.on("pageerror", (error) => errors.push(`uncaught: ${error.stack ?? error.message}`));
  await page.addInitScript(observeMainThread);
  return {
    page,
    context,
    foreignRequests,
    errors,
    console: messages,
    longTasks: () => page.evaluate(() => (globalThis as ObservedGlobal).samrefineLongTasks ?? []),
    longFrames: () => page.evaluate(() => (globalThis as ObservedGlobal).samrefineLongFrames ?? []),
    screenshot: async (name) => {
      const path = artifactPath(`${name}.png`);
      await page.screenshot({ path });
      return path;
    },
    close: () => context.close(),
  };
}

type ObservedGlobal = typeof globalThis & { samrefineLongTasks?: LongTask[]; samrefineLongFrames?: LongFrame[] };

/** Runs in the page before anything else. */
function observeMainThread(): void {
  const tasks: LongTask[] = [];
  const frames: LongFrame[] = [];
  Object.assign(globalThis, { samrefineLongTasks: tasks, samrefineLongFrames: frames });
  const observe = (type: string, take: (entry: PerformanceEntry) => void): void => {
    if (!PerformanceObserver.supportedEntryTypes.includes(type)) return;
    new PerformanceObserver((list) => list.getEntries().forEach(take)).observe({ type, buffered: true });
  };
  observe("longtask", (entry) => tasks.push({ startMs: entry.startTime, durationMs: entry.duration }));
  interface ScriptTiming extends PerformanceEntry {
    readonly sourceURL: string;
    readonly sourceCharPosition: number;
    readonly invoker: string;
  }
  observe("long-animation-frame", (entry) => {
    const { scripts = [] } = entry as PerformanceEntry & { readonly scripts?: readonly ScriptTiming[] };
    frames.push({
      startMs: entry.startTime,
      durationMs: entry.duration,
      scripts: scripts.map(({ sourceURL, sourceCharPosition, invoker, duration }) => ({
        sourceUrl: sourceURL,
        sourcePosition: sourceCharPosition,
        name: invoker,
        durationMs: duration,
      })),
    });
  });
}
