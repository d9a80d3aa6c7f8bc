import { isRefineError } from "@samrefine/core";
import { initialPanelState, type ProgressState, type StatusMessage } from "./panel-state.ts";

export type ActivityKind = "none" | "loading" | "running" | "storing";

export interface ActivityPorts {
  /** Aborted when the study is closed: nothing is said afterwards. */
  readonly life: AbortSignal;
  readonly onChange: () => void;
}

/** What runs now, how far it is, and what was said last. One task at a time. */
export class Activity {
  readonly #ports: ActivityPorts;
  #kind: ActivityKind = "none";
  #status: StatusMessage = initialPanelState.status;
  #hasError = false;
  #progress: ProgressState | undefined;
  #task: AbortController | undefined;

  constructor(ports: ActivityPorts) {
    this.#ports = ports;
  }

  get kind(): ActivityKind {
    return this.#kind;
  }

  get isIdle(): boolean {
    return this.#kind === "none";
  }

  get status(): StatusMessage {
    return this.#status;
  }

  get hasError(): boolean {
    return this.#hasError;
  }

  get progress(): ProgressState | undefined {
    return this.#progress;
  }

  /** Runs a task; its failure becomes a message, cancelling is not a failure. Never rejects. */
  async run(kind: Exclude<ActivityKind, "none">, task: (signal: AbortSignal) => Promise<void>): Promise<void> {
    const { life, onChange } = this.#ports;
    const controller = new AbortController();
    this.#task = controller;
    this.#kind = kind;
    this.#hasError = false;
    this.#progress = undefined;
    this.#status = { text: ACTIVITY_TEXT[kind], tone: "info" };
    onChange();
    try {
      await task(controller.signal);
    } catch (error) {
      if (life.aborted) return;
      if (controller.signal.aborted) this.#status = { text: messageOf(controller.signal.reason), tone: "info" };
      else this.fail(error);
    } finally {
      if (this.#task === controller) {
        this.#task = undefined;
        this.#kind = "none";
        this.#progress = undefined;
      }
      onChange();
    }
  }

  /** The running task goes on to its next part. */
  enter(kind: Exclude<ActivityKind, "none">): void {
    this.#kind = kind;
    this.#ports.onChange();
  }

  cancel(reason: DOMException): void {
    this.#task?.abort(reason);
  }

  show(label: string, { completed, total }: { readonly completed: number; readonly total?: number | undefined }): void {
    this.#progress = { label, completed, total };
    this.#ports.onChange();
  }

  /** What is said last is what holds: an error is over once something else is said. */
  say(text: string, tone: StatusMessage["tone"] = "info"): void {
    this.#hasError = tone === "error";
    this.#status = { text, tone };
    this.#ports.onChange();
  }

  fail(error: unknown): void {
    this.say(messageOf(error), "error");
  }

  forgetError(): void {
    this.#hasError = false;
  }
}

const ACTIVITY_TEXT = {
  loading: "Working. You can go on reading; results appear as they are ready.",
  running: "Working. You can go on reading; results appear as they are ready.",
  storing: "Writing the DICOM SEG.",
} as const;

export function messageOf(error: unknown): string {
  if (isRefineError(error)) return error.hint === "" ? error.message : `${error.message} ${error.hint}`;
  return error instanceof Error ? error.message : "Something failed that gave no reason.";
}
