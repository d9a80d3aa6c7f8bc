import type { Page } from "playwright-core";
import type { PanelState } from "../../test/e2e/harness/refine-panel.ts";

/** One click as the page itself saw it; milliseconds on its own clock. */
export interface Click {
  readonly startedMs: number;
  /** When the models were loaded and the first slice began. */
  readonly runningMs: number;
  readonly endedMs: number;
}

/** The part of `InferenceStats` that is read here. */
export interface EngineStats {
  readonly cacheMisses: number;
  /** Milliseconds in `session.run` since the worker began. */
  readonly runMs: { readonly unet: number; readonly encoder: number; readonly decoder: number };
}

interface Watch {
  worker: Worker | undefined;
  clickedMs: number;
  states: { readonly state: string; readonly atMs: number }[];
  peakBytes: number;
  isMeasuring: boolean;
  nextId: number;
  /** Sent to the worker since the last click. */
  slices: number;
}

type WatchedGlobal = typeof globalThis & { samrefineWatch: Watch };

/** Watches one page from before its first script. */
export class PageWatch {
  readonly #page: Page;

  private constructor(page: Page) {
    this.#page = page;
  }

  static async install(page: Page): Promise<PageWatch> {
    await page.addInitScript(watchPage);
    return new PageWatch(page);
  }

  /** Waits until the run of the last click has ended. @throws when the panel shows an error */
  async waitForEnd(timeoutMs: number): Promise<void> {
    const state = await this.#page.waitForFunction(
      () => {
        const states = (globalThis as WatchedGlobal).samrefineWatch.states.map(({ state }) => state);
        const last = states.at(-1) ?? "";
        return states.includes("loading") && ["review", "error"].includes(last) ? last : undefined;
      },
      undefined,
      { timeout: timeoutMs, polling: 200 },
    );
    if ((await state.jsonValue()) === "error") throw new Error("The run ended with an error.");
  }

  /** The last click on Auto-segment, from the event to the end of its run. */
  async lastClick(): Promise<Click> {
    const { clickedMs, states } = await this.#page.evaluate(() => {
      const { clickedMs, states } = (globalThis as WatchedGlobal).samrefineWatch;
      return { clickedMs, states };
    });
    const reached = (wanted: PanelState): number => {
      const found = states.find(({ state, atMs }) => state === wanted && atMs >= clickedMs);
      if (found === undefined) throw new Error(`The panel never showed "${wanted}" after the click.`);
      return found.atMs;
    };
    return { startedMs: clickedMs, runningMs: reached("running"), endedMs: reached("review") };
  }

  /** Whether the extension has started its worker. */
  async hasWorker(): Promise<boolean> {
    return this.#page.evaluate(() => (globalThis as WatchedGlobal).samrefineWatch.worker !== undefined);
  }

  /** Slices that the last click has had segmented. */
  async slicesOfLastClick(): Promise<number> {
    return this.#page.evaluate(() => (globalThis as WatchedGlobal).samrefineWatch.slices);
  }

  /** Asks the extension's worker, as the extension itself does, by a message in comlink's form. */
  async stats(): Promise<EngineStats> {
    return (await this.#request("stats")) as EngineStats;
  }

  /** Forgets the embeddings of an earlier click, so that every click encodes every slice. */
  async clearCache(): Promise<void> {
    await this.#request("clearCache");
  }

  #request(name: "stats" | "clearCache"): Promise<unknown> {
    return this.#page.evaluate(async (asked) => {
      const watch = (globalThis as WatchedGlobal).samrefineWatch;
      const { worker } = watch;
      if (worker === undefined) throw new Error("The extension has not started its worker.");
      const id = `bench-${watch.nextId++}`;
      const raw = (value: unknown) => ({ type: "RAW", value });
      const answer = new Promise<{ readonly ok: boolean; readonly value?: unknown }>((resolve) => {
        const listen = ({ data }: MessageEvent): void => {
          if (data?.id !== id) return;
          worker.removeEventListener("message", listen);
          resolve(data.value);
        };
        worker.addEventListener("message", listen);
      });
      const argumentList = [raw(-watch.nextId), raw(asked), raw(undefined), raw(undefined)];
      worker.postMessage({ id, type: "APPLY", path: ["request"], argumentList });
      const { ok, value } = await answer;
      if (!ok) throw new Error(`The worker could not answer ${asked}.`);
      return value;
    }, name);
  }

  /** From now on asks the browser again and again what page and workers hold; answers come with its garbage collections. */
  async beginMemory(): Promise<void> {
    await this.#page.evaluate(() => {
      const watch = (globalThis as WatchedGlobal).samrefineWatch;
      const scope = globalThis as { measureUserAgentSpecificMemory?: () => Promise<{ readonly bytes: number }> } & {
        readonly performance: { measureUserAgentSpecificMemory?: () => Promise<{ readonly bytes: number }> };
      };
      watch.peakBytes = 0;
      watch.isMeasuring = true;
      const look = async (): Promise<void> => {
        while (watch.isMeasuring) {
          const { bytes } = (await scope.performance.measureUserAgentSpecificMemory?.()) ?? { bytes: Number.NaN };
          watch.peakBytes = Math.max(watch.peakBytes, bytes);
          await new Promise((resolve) => setTimeout(resolve, 1000));
        }
      };
      void look();
    });
  }

  /** @returns the largest answer since {@link beginMemory}, MB (10^6 bytes); 0 when none came in time. */
  async endMemory(): Promise<number> {
    return this.#page.evaluate(() => {
      const watch = (globalThis as WatchedGlobal).samrefineWatch;
      watch.isMeasuring = false;
      return watch.peakBytes / 1e6;
    });
  }
}

/** Runs in the page before anything else. */
function watchPage(): void {
  const watch: Watch = {
    worker: undefined,
    clickedMs: 0,
    states: [],
    peakBytes: 0,
    isMeasuring: false,
    nextId: 1,
    slices: 0,
  };
  Object.assign(globalThis, { samrefineWatch: watch });
  globalThis.Worker = class extends Worker {
    constructor(url: string | URL, options?: WorkerOptions) {
      super(url, options);
      if (options?.name === "samrefine") watch.worker = this;
    }
    override postMessage(message: unknown, transferOrOptions?: Transferable[] | StructuredSerializeOptions): void {
      const { argumentList } = (message ?? {}) as { readonly argumentList?: readonly { readonly value?: unknown }[] };
      if (watch.worker === this && argumentList?.[1]?.value === "segmentSlice") watch.slices++;
      super.postMessage(message, transferOrOptions as StructuredSerializeOptions);
    }
  };
  document.addEventListener(
    "click",
    (event) => {
      if (!(event.target as Element).closest('[data-testid="samrefine-auto"]')) return;
      watch.clickedMs = event.timeStamp;
      watch.states = [];
      watch.slices = 0;
    },
    true,
  );
  new MutationObserver((records) => {
    for (const { target } of records) {
      const element = target as Element;
      if (element.getAttribute("data-testid") !== "samrefine-panel") continue;
      watch.states.push({ state: element.getAttribute("data-state") ?? "", atMs: performance.now() });
    }
  }).observe(document, { subtree: true, attributes: true, attributeFilter: ["data-state"] });
}
