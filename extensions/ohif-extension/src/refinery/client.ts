import { type Progress, RefineError, type Releasable, type TaskOptions } from "@samrefine/core";
import { watchLife } from "@samrefine/inference";
import { proxy, type Remote, releaseProxy, wrap } from "comlink";
import type { RefineryCalls } from "./contract.ts";
import type { RefineryEndpoint } from "./refinery.worker.ts";
import { fromWireError } from "./wire.ts";

/** The refinery as the page uses it. */
export interface RefineryClient extends Releasable {
  /** The worker stopped: every request fails, with `worker-crashed`. */
  readonly isLost: boolean;
  request<Name extends keyof RefineryCalls>(
    name: Name,
    argument: Parameters<RefineryCalls[Name]>[0],
    options?: TaskOptions,
  ): Promise<ReturnType<RefineryCalls[Name]>>;
}

/** Starts the worker. The caller owns the client; `dispose` ends the worker and everything in it. */
export function startRefinery(): RefineryClient {
  const worker = new Worker(new URL("./refinery.worker.ts", import.meta.url), { type: "module", name: "samrefine" });
  const endpoint: Remote<RefineryEndpoint> = wrap<RefineryEndpoint>(worker);
  let isDisposed = false;
  let isLost = false;
  let nextId = 1;
  let lose = (): void => {};
  const crashed = new Promise<never>((_, reject) => {
    lose = () => {
      isLost = true;
      reject(
        new RefineError("worker-crashed", "The background worker stopped unexpectedly.", {
          hint: "Press the button again; the worker is started anew. If it goes on, the tab may be out of memory.",
        }),
      );
    };
  });
  crashed.catch(() => {});
  worker.addEventListener("error", (event) => {
    event.preventDefault();
    lose();
  });
  void endpoint.life().then((name) => watchLife(name, lose));

  return {
    get isLost() {
      return isLost;
    },
    async request(name, argument, options = {}) {
      const { signal, onProgress } = options;
      signal?.throwIfAborted();
      if (isDisposed) throw new RefineError("disposed", "The background worker was already ended.");
      const id = nextId++;
      let stopListening = () => {};
      const aborted = new Promise<never>((_, reject) => {
        if (!signal) return;
        const abort = () => {
          if (!isDisposed) void endpoint.cancel(id);
          reject(signal.reason);
        };
        signal.addEventListener("abort", abort, { once: true });
        stopListening = () => signal.removeEventListener("abort", abort);
      });
      const reply = await Promise.race([
        endpoint.request(id, name, argument as never, onProgress && proxy((p: Progress) => onProgress(p))),
        crashed,
        aborted,
      ]).finally(stopListening);
      if (!reply.ok) throw fromWireError(reply.error);
      return reply.value as never;
    },
    async dispose() {
      if (isDisposed) return;
      isDisposed = true;
      endpoint[releaseProxy]();
      worker.terminate();
      // What is still under way will not be answered.
      lose();
    },
  };
}
