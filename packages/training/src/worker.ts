import { webRawSessions } from "@samrefine/inference/web";
import { openOpfsStore } from "./web/opfs-store.ts";
import type { TrainingCommand, TrainingEvent } from "./web/protocol.ts";
import { TrainingServer } from "./web/training-server.ts";

// The entry of the training worker: importing it is all that a worker's module has to do. It is the one module of this package
// with a side effect, and package.json says so.
const server = new TrainingServer({
  createSessions: webRawSessions,
  openStore: openOpfsStore,
  post: (event: TrainingEvent) => globalThis.postMessage(event),
});
globalThis.addEventListener("message", ({ data }: MessageEvent<TrainingCommand>) => {
  void server.handle(data);
});
