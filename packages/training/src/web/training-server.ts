import { isRefineError, RefineError } from "@samrefine/core";
import type { RawSessionFactory, WasmPaths } from "@samrefine/inference";
import type { WebgpuSessionsOptions } from "@samrefine/inference/web";
import type { RunStore } from "../run/checkpoint.ts";
import { parseConfiguration } from "../run/configuration.ts";
import { train } from "../run/train.ts";
import { openLoadedDataset } from "./loaded-dataset.ts";
import type { RemovableRunStore } from "./opfs-store.ts";
import type {
  BrowserRun,
  BrowserTrainingOutcome,
  TrainingCommand,
  TrainingEvent,
  TrainingFailure,
} from "./protocol.ts";
import { yieldingSessions } from "./yielding-sessions.ts";

/** What a run in the browser stands on; tests in Node bring their own. */
export interface TrainingHost {
  createSessions(wasmPaths: WasmPaths | undefined): RawSessionFactory;
  /** Absent in a worker whose script leaves WebGPU out. */
  readonly createGpuSessions?: (options: WebgpuSessionsOptions) => RawSessionFactory;
  /** Memory that a step may take, see `TrainingOptions`. */
  readonly memoryLimitBytes?: number;
  openStore(runId: string): Promise<RemovableRunStore>;
  post(event: TrainingEvent): void;
}

const PAUSED = Symbol("paused");
const CANCELLED = Symbol("cancelled");

/**
 * The worker's side of a run. A pause is an interruption with a checkpoint, and going on is a resumption from it: so a pause
 * holds no memory of the runtime, and ends bit for bit where the uninterrupted run would have.
 */
export class TrainingServer {
  readonly #host: TrainingHost;
  #run: BrowserRun | undefined;
  #stop: AbortController | undefined;
  #isRunning = false;
  /** Why WebGPU is not used, or no longer, in this worker. */
  #gpuRefusal: string | undefined;

  constructor(host: TrainingHost) {
    this.#host = host;
  }

  /** Takes one command; what comes of it is posted. */
  async handle(command: TrainingCommand): Promise<void> {
    switch (command.kind) {
      case "start":
        this.#run = command.run;
        return await this.#train(command.run);
      case "pause":
        if (this.#isRunning) this.#stop?.abort(PAUSED);
        else this.#host.post({ kind: "paused" });
        return;
      case "resume":
        if (this.#run && !this.#isRunning) await this.#train({ ...this.#run, resume: true });
        return;
      case "cancel":
        if (this.#isRunning) this.#stop?.abort(CANCELLED);
        else await this.#forget();
        return;
    }
  }

  async #train(run: BrowserRun): Promise<void> {
    const stop = new AbortController();
    this.#stop = stop;
    this.#isRunning = true;
    const event = await this.#runToEvent(run, stop.signal);
    // Before the event is posted: the page may answer it at once.
    this.#isRunning = false;
    if (event.kind === "cancelled") await this.#forget();
    else this.#host.post(event);
  }

  /** How the run, or this part of it, ended. */
  async #runToEvent(run: BrowserRun, signal: AbortSignal): Promise<TrainingEvent> {
    try {
      return { kind: "done", outcome: await this.#trainWhereItCan(run, signal) };
    } catch (error) {
      if (error === PAUSED) return { kind: "paused" };
      if (error === CANCELLED) return { kind: "cancelled" };
      return { kind: "failed", failure: failureOf(error) };
    }
  }

  async #trainWhereItCan(run: BrowserRun, signal: AbortSignal): Promise<BrowserTrainingOutcome> {
    const store = new WatchedStore(await this.#host.openStore(run.runId));
    if (run.webgpu && this.#gpuRefusal === undefined) {
      try {
        return await this.#trainOn(gpuSessions(this.#host, run.webgpu), store, run, signal);
      } catch (error) {
        if (!isGpuFailure(error)) throw error;
        this.#gpuRefusal = error.message;
      }
    }
    // What this run has stored already is newer than anything that it was told to resume from.
    const resume = run.resume || store.hasWritten;
    const sessions = this.#host.createSessions(run.wasmPaths);
    const outcome = await this.#trainOn(sessions, store, { ...run, resume }, signal);
    if (this.#gpuRefusal === undefined) return outcome;
    return { ...outcome, backend: `${outcome.backend}, in place of WebGPU (${this.#gpuRefusal})` };
  }

  async #trainOn(
    sessions: RawSessionFactory,
    store: RunStore,
    run: BrowserRun,
    signal: AbortSignal,
  ): Promise<BrowserTrainingOutcome> {
    const { network, ...outcome } = await train({
      dataset: openLoadedDataset(run.dataset),
      configuration: parseConfiguration(run.configuration),
      createSession: yieldingSessions(sessions),
      session: { ...(run.threads && { threads: run.threads }) },
      store,
      resume: run.resume,
      memoryLimitBytes: this.#host.memoryLimitBytes,
      signal,
      onStep: (report) => this.#host.post({ kind: "step", report }),
    });
    return { ...outcome, networkId: network.id };
  }

  async #forget(): Promise<void> {
    if (this.#run) await (await this.#host.openStore(this.#run.runId)).remove();
    this.#host.post({ kind: "cancelled" });
  }
}

/** Remembers whether this run has written to it. */
class WatchedStore implements RunStore {
  readonly #store: RunStore;
  hasWritten = false;

  constructor(store: RunStore) {
    this.#store = store;
  }

  async write(name: string, bytes: Uint8Array): Promise<void> {
    await this.#store.write(name, bytes);
    this.hasWritten = true;
  }

  async read(name: string): Promise<Uint8Array | undefined> {
    return await this.#store.read(name);
  }
}

function gpuSessions({ createGpuSessions }: TrainingHost, options: WebgpuSessionsOptions): RawSessionFactory {
  if (createGpuSessions) return createGpuSessions(options);
  throw new RefineError("backend-unavailable", "The worker's script does not offer WebGPU.", {
    hint: "Import @samrefine/training/worker-webgpu in the worker's module.",
  });
}

/** Whether WebAssembly may do what WebGPU could not: it was not there, was lost, or refused the graph or a run of it. */
function isGpuFailure(error: unknown): error is RefineError {
  return (
    isRefineError(error, "backend-unavailable") ||
    isRefineError(error, "inference") ||
    isRefineError(error, "out-of-memory")
  );
}

function failureOf(error: unknown): TrainingFailure {
  const message = error instanceof Error ? error.message : String(error);
  if (!isRefineError(error)) return { code: undefined, message, hint: "", details: {} };
  return { code: error.code, message, hint: error.hint, details: error.details };
}
