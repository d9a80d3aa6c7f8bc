import { RefineError } from "@samrefine/core";

/** What of WebGPU is asked; `navigator.gpu` is one. */
export interface GpuLike {
  requestAdapter(options?: { readonly powerPreference?: "high-performance" }): Promise<GpuAdapterLike | null>;
}

export interface GpuAdapterLike {
  readonly features: { has(name: string): boolean };
  readonly limits: { readonly maxStorageBufferBindingSize: number; readonly maxBufferSize: number };
  readonly info?: { readonly vendor?: string; readonly architecture?: string; readonly isFallbackAdapter?: boolean };
}

/** Facts about a GPU that decide whether a model fits; nothing that tells one machine from another of its kind. */
export interface GpuFacts {
  /** Vendor and architecture, e.g. "nvidia ampere". */
  readonly description: string;
  readonly shaderF16: boolean;
  readonly storageBufferBytes: number;
  readonly bufferBytes: number;
  /** Rendered by the CPU; correct, but slower than WebAssembly. */
  readonly isSoftware: boolean;
}

/** What a model needs of a GPU, as manifests say it. */
export interface GpuNeeds {
  readonly storageBufferBytes?: number | undefined;
  readonly shaderF16?: boolean | undefined;
}

/** @throws RefineError `backend-unavailable` when there is no WebGPU or no adapter. */
export async function readGpu(gpu: GpuLike | undefined): Promise<GpuFacts> {
  if (!gpu) throw unavailable("this browser, or this page, has no WebGPU");
  let adapter: GpuAdapterLike | null;
  try {
    adapter = await gpu.requestAdapter({ powerPreference: "high-performance" });
  } catch (cause) {
    throw unavailable(`no adapter was given: ${cause instanceof Error ? cause.message : String(cause)}`);
  }
  if (!adapter) throw unavailable("there is no GPU that WebGPU may use");
  const { info, limits, features } = adapter;
  return {
    description: [info?.vendor, info?.architecture].filter(Boolean).join(" ") || "unnamed GPU",
    shaderF16: features.has("shader-f16"),
    storageBufferBytes: limits.maxStorageBufferBindingSize,
    bufferBytes: limits.maxBufferSize,
    isSoftware: info?.isFallbackAdapter === true || info?.architecture === "swiftshader",
  };
}

/** Why a GPU that the processor only plays is not used; undefined when it is real, or wanted all the same. */
export function softwareRefusal(gpu: GpuFacts, trySoftware: boolean): string | undefined {
  return gpu.isSoftware && !trySoftware ? "the GPU is software, which WebAssembly outruns" : undefined;
}

/** Why a model cannot run on this GPU; undefined when nothing speaks against it. */
export function gpuRefusal(facts: GpuFacts, needs: GpuNeeds, largestFileBytes: number): string | undefined {
  if (needs.shaderF16 && !facts.shaderF16) return "the model needs 16-bit arithmetic (shader-f16), the GPU has none";
  // Weights are uploaded tensor by tensor, so that a file is a bound from above for the largest of them.
  const storage = needs.storageBufferBytes ?? Math.min(largestFileBytes, 128 * 2 ** 20);
  if (facts.storageBufferBytes < storage) {
    return `the model needs buffers of ${megabytes(storage)}, the GPU binds at most ${megabytes(facts.storageBufferBytes)}`;
  }
  if (facts.bufferBytes < storage) {
    return `the model needs buffers of ${megabytes(storage)}, the GPU allocates at most ${megabytes(facts.bufferBytes)}`;
  }
  return undefined;
}

function megabytes(bytes: number): string {
  return `${Math.ceil(bytes / 2 ** 20)} MiB`;
}

/** `backend-unavailable` with the reason. */
export function unavailable(reason: string): RefineError {
  return new RefineError("backend-unavailable", `WebGPU cannot be used: ${reason}.`, {
    hint: "WebAssembly runs instead.",
    details: { reason },
  });
}
