import { expose } from "comlink";
import { InProcessEngine } from "./engine/in-process-engine.ts";
import { fetchFile } from "./engine/model-files.ts";
import { createWebRuntime } from "./web-runtime.ts";
import { installTransferHandlers } from "./worker/transfer-handlers.ts";
import { WorkerServer } from "./worker/worker-server.ts";

// The entry of the inference worker: importing it is all that a worker's module has to do. It is the one module of this
// package with a side effect, and package.json says so.
installTransferHandlers();
expose(
  new WorkerServer(async ({ wasmPaths, threads, cacheBytes }) => {
    const runtime = await createWebRuntime({ wasmPaths, threads });
    return new InProcessEngine({ runtime, readFile: fetchFile, cacheBytes });
  }),
);
