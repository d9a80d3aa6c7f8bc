import { RefineError } from "@samrefine/core";
import type { StepReport } from "../run/train.ts";
import type {
  BrowserRun,
  BrowserTrainingOutcome,
  TrainingCommand,
  TrainingEvent,
  TrainingFailure,
} from "./protocol.ts";

/** The part of a Web Worker that training needs. */
export interface TrainingWorker {
  postMessage(command: TrainingCommand): void;
  addEventListener(type: "message", listener: (event: { readonly data: TrainingEvent }) => void): void;
  addEventListener(type: "error", listener: (event: { readonly message?: string }) => void): void;
  terminate(): unknown;
}

export interface BrowserTrainingOptions extends BrowserRun {
  /** Starts the worker whose module imports `@samrefine/training/worker`. It is ended with the run. */
  readonly createWorker: () => TrainingWorker;
  readonly onStep?: (report: StepReport) => void;
  /** Aborting ends the run and throws its checkpoint away. */
  readonly signal?: AbortSignal;
}

export interface BrowserTraining {
  /**
   * @throws RefineError what `train` throws, and `worker-crashed`; `signal.reason` when aborted.
   */
  readonly result: Promise<BrowserTrainingOutcome>;
  /** Resolves when the checkpoint is stored and the worker rests, or when the run has ended before. */
  pause(): Promise<void>;
  resume(): void;
}

/** Trains in a worker; the images do not leave the machine. Research use only. */
export function startTraining(options: BrowserTrainingOptions): BrowserTraining {
  const { createWorker, onStep, signal, ...run } = options;
  signal?.throwIfAborted();
  const worker = createWorker();
  let pauses: (() => void)[] = [];
  const pausesDone = (): void => {
    for (const resolve of pauses) resolve();
    pauses = [];
  };
  let hasEnded = false;
  const result = new Promise<BrowserTrainingOutcome>((resolve, reject) => {
    worker.addEventListener("message", ({ data: event }) => {
      if (event.kind === "step") onStep?.(event.report);
      else if (event.kind === "paused") pausesDone();
      else if (event.kind === "done") resolve(event.outcome);
      else if (event.kind === "cancelled") reject(signal?.reason);
      else reject(errorOf(event.failure));
    });
    worker.addEventListener("error", ({ message }) =>
      reject(
        new RefineError("worker-crashed", `The training worker was lost: ${message ?? "no reason was given"}`, {
          hint: "Start the run again with resume; it goes on from its last checkpoint.",
        }),
      ),
    );
    signal?.addEventListener("abort", () => worker.postMessage({ kind: "cancel" }), { once: true });
  }).finally(() => {
    hasEnded = true;
    pausesDone();
    worker.terminate();
  });
  worker.postMessage({ kind: "start", run });
  return {
    result,
    pause: () =>
      new Promise((resolve) => {
        if (hasEnded) return resolve();
        pauses.push(resolve);
        worker.postMessage({ kind: "pause" });
      }),
    resume: () => worker.postMessage({ kind: "resume" }),
  };
}

function errorOf({ code, message, hint, details }: TrainingFailure): Error {
  return code === undefined ? new Error(message) : new RefineError(code, message, { hint, details });
}
