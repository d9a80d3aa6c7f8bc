import { Worker } from "node:worker_threads";
import type { WorkerLike } from "../worker/worker-connection.ts";

type Listener = EventListenerOrEventListenerObject;

/** A Node worker thread with the face of a Web Worker. The end of the thread counts as an error, as a test wants it. */
export function nodeWorker(script: URL): WorkerLike & { kill(): Promise<number> } {
  const worker = new Worker(script, { execArgv: ["--conditions=@samrefine/source"] });
  const deliver = (listener: Listener, event: object) =>
    typeof listener === "function" ? listener(event as Event) : listener.handleEvent(event as Event);
  const wrappers = new Map<Listener, (data: unknown) => void>();
  return {
    postMessage: (message: unknown, transfer: Transferable[] = []) =>
      worker.postMessage(message, transfer as Parameters<Worker["postMessage"]>[1]),
    addEventListener: (type: string, listener: Listener) => {
      if (type === "message") {
        const wrapper = (data: unknown) => deliver(listener, { data });
        wrappers.set(listener, wrapper);
        worker.on("message", wrapper);
      }
      if (type === "error") {
        worker.on("error", (error) => deliver(listener, { message: error.message }));
        worker.on("exit", () => deliver(listener, { message: "the thread ended" }));
      }
    },
    removeEventListener: (_type: string, listener: Listener) => {
      const wrapper = wrappers.get(listener);
      if (wrapper) worker.off("message", wrapper);
    },
    terminate: () => worker.terminate(),
    kill: () => worker.terminate(),
  };
}
