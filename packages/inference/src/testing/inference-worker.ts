import { parentPort } from "node:worker_threads";
import { type Endpoint, expose } from "comlink";
import { createNodeEngine } from "../node.ts";
import { installWorkerHandlers } from "../worker/transfer-handlers.ts";
import { WorkerServer } from "../worker/worker-server.ts";

// The worker's entry for tests: the real server and the real messages, on the native runtime and in a Node thread.
if (!parentPort) throw new Error("This module is the script of a worker.");
installWorkerHandlers();
expose(
  new WorkerServer(({ cacheBytes }) => createNodeEngine({ threads: 1, cacheBytes })),
  parentPort as unknown as Endpoint,
);
