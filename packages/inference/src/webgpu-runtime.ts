import { RefineError } from "@samrefine/core";
import { type OnnxRuntime, tensorTypeOf } from "./engine/runtime.ts";
import { type GpuLike, readGpu } from "./ladder/gpu-adapter.ts";
import { startRuntime, type WasmPaths } from "./web-runtime.ts";

export interface WebgpuRuntimeOptions {
  /** `ort-wasm-simd-threaded.asyncify.wasm` and `.mjs`, as absolute URLs. */
  readonly wasmPaths?: WasmPaths | undefined;
}

/** The part of a `GPUDevice` that tells of its end. */
interface DeviceLike {
  readonly lost: Promise<{ readonly reason: string; readonly message: string }>;
}

/**
 * ONNX Runtime on WebGPU, in a worker. Operators that it lacks run as WebAssembly in between.
 * @throws RefineError `backend-unavailable` when there is no usable GPU or the runtime's files cannot be loaded.
 */
export async function createWebgpuRuntime(options: WebgpuRuntimeOptions): Promise<OnnxRuntime> {
  const gpu = await readGpu((globalThis.navigator as { readonly gpu?: GpuLike } | undefined)?.gpu);
  const ort = await import("onnxruntime-web/webgpu");
  ort.env.wasm.numThreads = 1;
  ort.env.logLevel = "error";
  if (options.wasmPaths) ort.env.wasm.wasmPaths = { ...options.wasmPaths };
  const runtime: OnnxRuntime = {
    backend: {
      provider: "webgpu",
      threads: 1,
      description: `WebGPU (${gpu.description}${gpu.isSoftware ? ", software" : ""})`,
      onnxruntimeVersion: ort.env.versions.web ?? ort.env.versions.common,
      gpu,
    },
    preparesPerShape: true,
    createSession: (model, { deviceOutputs = [] } = {}) =>
      ort.InferenceSession.create(model, {
        executionProviders: ["webgpu"],
        preferredOutputLocation: Object.fromEntries(deviceOutputs.map((name) => [name, "gpu-buffer"])),
        graphOptimizationLevel: "all",
        logSeverityLevel: 3,
      }),
    tensor: (data, dims) => new ort.Tensor(tensorTypeOf(data), data, dims),
  };
  // Never released: ONNX Runtime destroys its device together with the last session.
  await startRuntime(runtime, options.wasmPaths);
  const device = (await ort.env.webgpu.device) as DeviceLike | undefined;
  return device ? { ...runtime, lost: lossOf(device) } : runtime;
}

function lossOf(device: DeviceLike): Promise<never> {
  const lost = device.lost.then(({ reason, message }) => {
    throw new RefineError(
      "backend-unavailable",
      `The GPU was lost: ${(message || reason || "no reason given").replace(/\.$/, "")}.`,
      {
        hint: "Try again; WebAssembly takes over where it may.",
        details: { reason },
      },
    );
  });
  // Handled here, so that a loss while nothing runs is no unhandled rejection.
  lost.catch(() => {});
  return lost;
}
