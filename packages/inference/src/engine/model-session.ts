import { isRefineError, RefineError } from "@samrefine/core";
import type { TensorNames } from "@samrefine/models";
import type { Tensor } from "onnxruntime-common";
import { requireAlive } from "./lifetime.ts";
import type { OnnxRuntime, OnnxSession } from "./runtime.ts";

export type ModelRole = "unet" | "encoder" | "decoder";

/** Milliseconds spent in `session.run`, by role, and in making the encoder's input. */
export type RunMeter = Record<ModelRole | "encoderInput", number>;

export interface ModelSessionOptions {
  readonly runtime: OnnxRuntime;
  readonly model: Uint8Array;
  readonly role: ModelRole;
  /** URL or path of the file, for messages. */
  readonly origin: string;
  /** What the manifest says, in view of what the file has: some families have variants. */
  readonly expected: (found: TensorNames) => ExpectedTensors;
  readonly meter: RunMeter;
  /** Outputs that are fed again, and stay on the device where there is one. */
  readonly deviceOutputs?: readonly string[];
}

export interface ExpectedTensors {
  readonly inputs: readonly string[];
  /** Inputs that may be there; they are fed when they are. */
  readonly optionalInputs?: readonly string[];
  readonly outputs: readonly string[];
  /** What to say to someone whose file has other tensors. */
  readonly hint?: string | undefined;
}

/** A session whose tensor names were checked, whose time is metered and whose failures are ours. */
export class ModelSession {
  readonly role: ModelRole;
  readonly origin: string;
  readonly tensorNames: TensorNames;
  readonly #session: OnnxSession;
  readonly #lost: Promise<never> | undefined;
  readonly #meter: RunMeter;
  #released = false;

  private constructor(session: OnnxSession, options: ModelSessionOptions) {
    this.#session = session;
    this.#lost = options.runtime.lost;
    this.tensorNames = { inputs: session.inputNames, outputs: session.outputNames };
    this.#meter = options.meter;
    this.role = options.role;
    this.origin = options.origin;
  }

  /**
   * @throws RefineError `inference` or `out-of-memory` when the runtime refuses the file, `shape-mismatch` when the file has
   * other tensors than the manifest says.
   */
  static async create(options: ModelSessionOptions): Promise<ModelSession> {
    const { runtime, model, origin, deviceOutputs = [] } = options;
    let session: OnnxSession;
    try {
      session = await runtime.createSession(model, { deviceOutputs });
    } catch (cause) {
      throw runtimeError(`ONNX Runtime could not load ${origin} (${model.length} bytes)`, { origin }, cause);
    }
    const expected = options.expected({ inputs: session.inputNames, outputs: session.outputNames });
    const accepted = [...expected.inputs, ...(expected.optionalInputs ?? [])];
    for (const [kind, wanted, found] of [
      ["input", expected.inputs, session.inputNames],
      ["output", expected.outputs, session.outputNames],
    ] as const) {
      const missing = wanted.filter((name) => !found.includes(name));
      const unfed = kind === "input" ? found.filter((name) => !accepted.includes(name)) : [];
      if (missing.length === 0 && unfed.length === 0) continue;
      await session.release();
      throw new RefineError(
        "shape-mismatch",
        `The model ${origin} has the ${kind}s ${found.join(", ")}, but its manifest names ${wanted.join(", ")}.`,
        {
          hint: expected.hint ?? "Correct the tensor names in the manifest, or give the file that it was written for.",
          details: { origin, found: [...found], expected: [...wanted] },
        },
      );
    }
    return new ModelSession(session, options);
  }

  /**
   * @throws RefineError `inference` or `out-of-memory` with name, type and dims of every feed, never data; `disposed` when
   * the model was released between two runs of one task; `backend-unavailable` when the device was lost.
   */
  async run(feeds: Record<string, Tensor>): Promise<Record<string, Tensor>> {
    requireAlive(this.#released, `The model ${this.origin}`);
    const start = performance.now();
    try {
      const run = this.#session.run(feeds);
      return await (this.#lost ? Promise.race([run, this.#lost]) : run);
    } catch (cause) {
      if (isRefineError(cause)) throw cause;
      const described = Object.entries(feeds).map(([name, tensor]) => `${name} ${tensor.type}[${tensor.dims}]`);
      throw runtimeError(
        `The model ${this.origin} failed on ${described.join(", ")}`,
        { origin: this.origin, feeds: described },
        cause,
      );
    } finally {
      this.#meter[this.role] += performance.now() - start;
    }
  }

  async release(): Promise<void> {
    if (this.#released) return;
    this.#released = true;
    await this.#session.release();
  }
}

/** Words of the native allocator and of WebAssembly; an aborted WebAssembly module does not come back. */
const memoryWords =
  /bad_alloc|out of memory|failed to allocate|allocation failed|cannot enlarge memory|memory access out of bounds|aborted\(/i;

function runtimeError(what: string, details: Record<string, string | string[]>, cause: unknown): RefineError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  if (memoryWords.test(reason)) {
    return new RefineError("out-of-memory", `${what}: ${reason}`, {
      hint: "Close other tabs, use a smaller model or fewer threads.",
      details,
      cause,
    });
  }
  return new RefineError("inference", `${what}: ${reason}`, {
    hint: "Check the file with `samrefine models verify`; it may be damaged or use operators that this runtime lacks.",
    details,
    cause,
  });
}

/**
 * The float32 data of an output after its dims were checked; -1 in `expected` accepts any size.
 * @throws RefineError `shape-mismatch`.
 */
export function float32Output(
  outputs: Record<string, Tensor>,
  name: string,
  expected: readonly number[],
  origin: string,
): Float32Array {
  const tensor = outputs[name];
  const fits =
    tensor?.type === "float32" &&
    tensor.dims.length === expected.length &&
    expected.every((size, axis) => size === -1 || size === tensor.dims[axis]);
  if (tensor && fits) return tensor.data as Float32Array;
  const found = tensor ? `${tensor.type}[${tensor.dims.join(", ")}]` : "nothing";
  throw new RefineError(
    "shape-mismatch",
    `The model ${origin} returned ${found} as "${name}", expected float32[${expected.map((size) => (size === -1 ? "any" : size)).join(", ")}].`,
    { hint: "The manifest does not describe this file.", details: { origin, found, expected: [...expected] } },
  );
}
