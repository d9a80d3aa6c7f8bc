import { openOpfsStore } from "./opfs-store.ts";
import type { TrainingCommand, TrainingEvent } from "./protocol.ts";
import { type TrainingHost, TrainingServer } from "./training-server.ts";

/** Takes the commands that come to this worker, with checkpoints in the origin's private file system. */
export function serveTraining(sessions: Pick<TrainingHost, "createSessions" | "createGpuSessions">): void {
  const server = new TrainingServer({
    ...sessions,
    openStore: openOpfsStore,
    post: (event: TrainingEvent) => globalThis.postMessage(event),
  });
  globalThis.addEventListener("message", ({ data }: MessageEvent<TrainingCommand>) => {
    void server.handle(data);
  });
}
