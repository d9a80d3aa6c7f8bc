import { openOpfsStore } from "./opfs-store.ts";
import type { TrainingCommand, TrainingEvent } from "./protocol.ts";
import { type TrainingHost, TrainingServer } from "./training-server.ts";

declare global {
  interface WorkerNavigator {
    /** GiB of the machine, rounded and capped by the browser; Chromium only. */
    readonly deviceMemory?: number;
  }
  interface Navigator {
    readonly deviceMemory?: number;
  }
}

/** What 32-bit WebAssembly can address. */
const WASM_MEMORY_BYTES = 4 * 2 ** 30;

/** Takes the commands that come to this worker, with checkpoints in the origin's private file system. */
export function serveTraining(sessions: Pick<TrainingHost, "createSessions" | "createGpuSessions">): void {
  const server = new TrainingServer({
    ...sessions,
    memoryLimitBytes: Math.min(WASM_MEMORY_BYTES, (navigator.deviceMemory ?? 4) * 2 ** 30),
    openStore: openOpfsStore,
    post: (event: TrainingEvent) => globalThis.postMessage(event),
  });
  globalThis.addEventListener("message", ({ data }: MessageEvent<TrainingCommand>) => {
    void server.handle(data);
  });
}
