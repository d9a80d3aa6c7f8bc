import { isRefineError } from "@samrefine/core";
import type { RawSessionFactory, WasmPaths } from "@samrefine/inference";
import { parseConfiguration } from "../run/configuration.ts";
import { train } from "../run/train.ts";
import { openLoadedDataset } from "./loaded-dataset.ts";
import type { RemovableRunStore } from "./opfs-store.ts";
import type { BrowserRun, TrainingCommand, TrainingEvent, TrainingFailure } from "./protocol.ts";
import { yieldingSessions } from "./yielding-sessions.ts";

/** What a run in the browser stands on; tests in Node bring their own. */
export interface TrainingHost {
  createSessions(wasmPaths: WasmPaths | undefined): RawSessionFactory;
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
      const { network, ...outcome } = await train({
        dataset: openLoadedDataset(run.dataset),
        configuration: parseConfiguration(run.configuration),
        createSession: yieldingSessions(this.#host.createSessions(run.wasmPaths)),
        session: { ...(run.threads && { threads: run.threads }), ...(run.provider && { provider: run.provider }) },
        store: await this.#host.openStore(run.runId),
        resume: run.resume,
        signal,
        onStep: (report) => this.#host.post({ kind: "step", report }),
      });
      return { kind: "done", outcome: { ...outcome, networkId: network.id } };
    } catch (error) {
      if (error === PAUSED) return { kind: "paused" };
      if (error === CANCELLED) return { kind: "cancelled" };
      return { kind: "failed", failure: failureOf(error) };
    }
  }

  async #forget(): Promise<void> {
    if (this.#run) await (await this.#host.openStore(this.#run.runId)).remove();
    this.#host.post({ kind: "cancelled" });
  }
}

function failureOf(error: unknown): TrainingFailure {
  const message = error instanceof Error ? error.message : String(error);
  if (!isRefineError(error)) return { code: undefined, message, hint: "", details: {} };
  return { code: error.code, message, hint: error.hint, details: error.details };
}
