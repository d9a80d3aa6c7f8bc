import { expose } from "comlink";
import { createWebEngine } from "./web-engine.ts";
import { installWorkerHandlers } from "./worker/transfer-handlers.ts";
import { WorkerServer } from "./worker/worker-server.ts";

// The entry of the inference worker for those who offer WebGPU, whose runtime is another file of 27 MB. It can do both, so
// that one script serves all rungs of a ladder, and loads the runtime that it is asked for.
installWorkerHandlers();
expose(
  new WorkerServer(async ({ wasmPaths, threads, provider = "wasm", ...cache }) => {
    if (provider === "webgpu") {
      const { createWebgpuRuntime } = await import("./webgpu-runtime.ts");
      return createWebEngine(await createWebgpuRuntime({ wasmPaths }), cache);
    }
    const { createWebRuntime } = await import("./web-runtime.ts");
    return createWebEngine(await createWebRuntime({ wasmPaths, threads }), cache);
  }),
);
