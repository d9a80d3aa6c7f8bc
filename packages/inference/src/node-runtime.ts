import { availableParallelism } from "node:os";
import { RefineError } from "@samrefine/core";
import type { InferenceSession, Tensor } from "onnxruntime-common";
import type { BackendReport } from "./contract.ts";
import { probeModel } from "./engine/probe-model.ts";
import { type OnnxRuntime, tensorTypeOf } from "./engine/runtime.ts";

export type NodeProvider = "cpu" | "webgpu" | "wasm";

export interface NodeRuntimeOptions {
  /** Default: one per core. */
  readonly threads?: number | undefined;
  /** Default "cpu". */
  readonly provider?: NodeProvider | undefined;
}

/**
 * ONNX Runtime in Node: the native build, or the browser's WebAssembly build for comparison. Without a GPU adapter
 * onnxruntime-node throws on `webgpu` instead of falling back, which shows at the first session: a session is therefore
 * tried here, and the backend says what runs and why.
 *
 * @throws RefineError `backend-unavailable` when the provider's package cannot be loaded.
 */
export async function createNodeRuntime(options: NodeRuntimeOptions = {}): Promise<OnnxRuntime> {
  const threads = options.threads ?? availableParallelism();
  const provider = options.provider ?? "cpu";
  if (provider === "wasm") return wasmRuntime(threads);
  const ort = await importRuntime("onnxruntime-node", () => import("onnxruntime-node"));
  const cpu = { provider: "cpu", description: `Native CPU, ${threadWords(threads)}` } as const;
  let chosen: Pick<BackendReport, "provider" | "description"> = cpu;
  if (provider === "webgpu") {
    const refusal = await webgpuRefusal(ort);
    chosen = refusal
      ? { ...cpu, description: `${cpu.description}: WebGPU was asked for but cannot run (${refusal})` }
      : { provider: "webgpu", description: "WebGPU, native" };
  }
  return nodeRuntime(ort, {
    ...chosen,
    threads,
    onnxruntimeVersion: ort.env.versions.node ?? ort.env.versions.common,
  });
}

/** What onnxruntime-node and onnxruntime-web have in common. */
interface OrtModule {
  readonly InferenceSession: typeof InferenceSession;
  readonly Tensor: typeof Tensor;
}

function nodeRuntime(ort: OrtModule, backend: BackendReport): OnnxRuntime {
  return {
    backend,
    preparesPerShape: backend.provider === "webgpu",
    createSession: (model, { plansMemory = true } = {}) =>
      ort.InferenceSession.create(model, {
        enableMemPattern: plansMemory,
        executionProviders: backend.provider === "webgpu" ? ["webgpu", "cpu"] : [backend.provider],
        intraOpNumThreads: backend.threads,
        interOpNumThreads: 1,
        graphOptimizationLevel: "all",
        // 3: errors. Exporters leave harmless warnings in nearly every graph.
        logSeverityLevel: 3,
        // Every session has threads of its own, which go on spinning some 20 ms after a run and keep the next session's, and
        // JavaScript, from their cores: a decoder that follows its encoder, a network that follows a decoder.
        extra: { session: { force_spinning_stop: "1" } },
      }),
    tensor: (data, dims) => new ort.Tensor(tensorTypeOf(data), data, dims),
  };
}

async function wasmRuntime(threads: number): Promise<OnnxRuntime> {
  const ort = await importRuntime("onnxruntime-web", () => import("onnxruntime-web/wasm"));
  ort.env.wasm.numThreads = threads;
  return nodeRuntime(ort, {
    provider: "wasm",
    threads,
    description: `WebAssembly in Node, ${threadWords(threads)}`,
    onnxruntimeVersion: ort.env.versions.web ?? ort.env.versions.common,
  });
}

/** undefined when a session on the GPU can be made. */
async function webgpuRefusal(ort: OrtModule): Promise<string | undefined> {
  try {
    const session = await ort.InferenceSession.create(probeModel(), {
      executionProviders: ["webgpu", "cpu"],
      logSeverityLevel: 4,
    });
    await session.release();
    return undefined;
  } catch (error) {
    const [line = ""] = (error instanceof Error ? error.message : String(error)).split("\n");
    // Before the reason stands the condition in C++ that did not hold.
    return line.replace(/^.* was false\. /, "");
  }
}

async function importRuntime<T>(name: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (cause) {
    throw new RefineError("backend-unavailable", `${name} cannot be loaded on ${process.platform} ${process.arch}.`, {
      hint: "Run `npm ci` again; on a platform without native binaries choose the provider wasm.",
      details: { package: name, platform: process.platform, architecture: process.arch },
      cause,
    });
  }
}

function threadWords(threads: number): string {
  return threads === 1 ? "1 thread" : `${threads} threads`;
}
