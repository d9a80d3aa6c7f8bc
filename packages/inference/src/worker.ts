import { expose } from "comlink";
import { createWebEngine } from "./web-engine.ts";
import { createWebRuntime } from "./web-runtime.ts";
import { installWorkerHandlers } from "./worker/transfer-handlers.ts";
import { WorkerServer } from "./worker/worker-server.ts";

// The entry of the inference worker: importing it is all that a worker's module has to do. It is the one module of this
// package with a side effect, and package.json says so.
installWorkerHandlers();
expose(
  new WorkerServer(async ({ wasmPaths, threads, ...cache }) => {
    const runtime = await createWebRuntime({ wasmPaths, threads });
    return createWebEngine(runtime, cache);
  }),
);
