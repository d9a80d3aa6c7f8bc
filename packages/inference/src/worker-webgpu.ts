import { expose } from "comlink";
import { createWebEngine } from "./web-engine.ts";
import { createWebgpuRuntime } from "./webgpu-runtime.ts";
import { installTransferHandlers } from "./worker/transfer-handlers.ts";
import { WorkerServer } from "./worker/worker-server.ts";

// The entry of the inference worker on WebGPU. Apart from `worker.ts`, since its runtime is another file of 27 MB, which only
// those should ship who offer it.
installTransferHandlers();
expose(
  new WorkerServer(async ({ wasmPaths, threads: _, ...cache }) =>
    createWebEngine(await createWebgpuRuntime({ wasmPaths }), cache),
  ),
);
