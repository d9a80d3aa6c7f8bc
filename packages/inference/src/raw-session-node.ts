import { RefineError } from "@samrefine/core";
import { InferenceSession, Tensor } from "onnxruntime-node";
import type { RawSession, RawSessionFactory, RawTensor } from "./raw-session.ts";

/**
 * A session of onnxruntime-node on the CPU or, where there is one, the GPU.
 * @throws RefineError `inference` when onnxruntime refuses the graph.
 */
export const createRawSession: RawSessionFactory = async (bytes, { threads = 1, provider = "cpu" } = {}) => {
  const options = { intraOpNumThreads: threads, interOpNumThreads: 1, logSeverityLevel: 3 } as const;
  const cpu = `onnxruntime on the CPU, ${threads} ${threads === 1 ? "thread" : "threads"}`;
  if (provider === "webgpu") {
    try {
      const session = await InferenceSession.create(bytes, { ...options, executionProviders: ["webgpu"] });
      return rawSession(session, { provider, description: "onnxruntime on WebGPU" });
    } catch (cause) {
      // Without an adapter the runtime throws instead of falling back; the reason goes to the user with the report.
      const reason = cause instanceof Error ? cause.message : String(cause);
      return rawSession(await createOnCpu(bytes, options), {
        provider: "cpu",
        description: `${cpu}: WebGPU is not available (${reason})`,
      });
    }
  }
  const description = provider === "wasm" ? `${cpu}: Node runs the native build instead of WebAssembly` : cpu;
  return rawSession(await createOnCpu(bytes, options), { provider: "cpu", description });
};

async function createOnCpu(bytes: Uint8Array, options: InferenceSession.SessionOptions): Promise<InferenceSession> {
  try {
    return await InferenceSession.create(bytes, { ...options, executionProviders: ["cpu"] });
  } catch (cause) {
    throw new RefineError("inference", `ONNX Runtime could not load the graph: ${messageOf(cause)}`, { cause });
  }
}

function rawSession(session: InferenceSession, backend: RawSession["backend"]): RawSession {
  let disposed = false;
  return {
    backend,
    async run(feeds) {
      if (disposed) throw new RefineError("disposed", "The session was disposed of and cannot run.");
      const inputs = Object.fromEntries(
        Object.entries(feeds).map(([name, { data, dims }]) => [name, new Tensor("float32", data, dims)]),
      );
      let outputs: InferenceSession.ReturnType;
      try {
        outputs = await session.run(inputs);
      } catch (cause) {
        throw new RefineError("inference", `ONNX Runtime failed to run the graph: ${messageOf(cause)}`, {
          details: { feeds: Object.entries(feeds).map(([name, { dims }]) => `${name} float32 [${dims.join(", ")}]`) },
          cause,
        });
      }
      return Object.fromEntries(
        Object.entries(outputs).map(([name, { data, dims }]): [string, RawTensor] => [
          name,
          { data: data as Float32Array, dims },
        ]),
      );
    },
    async dispose() {
      if (disposed) return;
      disposed = true;
      await session.release();
    },
  };
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
