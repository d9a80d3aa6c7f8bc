import type { Progress } from "@samrefine/core";
import { holdLife } from "@samrefine/inference";
import { expose, transfer } from "comlink";
import type { RefineryCalls } from "./contract.ts";
import { openEngine } from "./engine.ts";
import { createRefinery } from "./refinery.ts";
import { type Reply, toWireError, transferables } from "./wire.ts";

/** What the page sees of the worker. Requests carry a number so that they can be cancelled. */
export interface RefineryEndpoint {
  request<Name extends keyof RefineryCalls>(
    id: number,
    name: Name,
    argument: Parameters<RefineryCalls[Name]>[0],
    onProgress: ((progress: Progress) => void) | undefined,
  ): Promise<Reply<ReturnType<RefineryCalls[Name]>>>;
  cancel(id: number): void;
  /** Name of the lock that the worker holds as long as it lives; undefined where the browser has none. */
  life(): Promise<string | undefined>;
}

const refinery = createRefinery(openEngine);
const running = new Map<number, AbortController>();

const endpoint: RefineryEndpoint = {
  async request(id, name, argument, onProgress) {
    const controller = new AbortController();
    running.set(id, controller);
    try {
      const value = await refinery[name](argument, { signal: controller.signal, onProgress });
      return transfer({ ok: true, value }, transferables(value));
    } catch (error) {
      return { ok: false, error: toWireError(error) };
    } finally {
      running.delete(id);
    }
  },
  cancel(id) {
    running.get(id)?.abort();
  },
  life: () => holdLife(),
};

expose(endpoint);
