/** A step of a long task. `completed` never decreases; the last event has `completed === total`. */
export interface Progress {
  readonly stage: string;
  readonly completed: number;
  readonly total?: number;
  readonly unit: "segment" | "slice" | "byte" | "batch" | "case";
}

export interface Logger {
  debug(message: string): void;
  warn(message: string): void;
}

/** What every long public function accepts. */
export interface TaskOptions {
  /** Aborting rejects with `signal.reason` as is. */
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: Progress) => void) | undefined;
  readonly logger?: Logger | undefined;
}

/** Holds memory outside the JavaScript heap, or a worker. `dispose` is idempotent; later use throws `disposed`. */
export interface Releasable {
  dispose(): Promise<void>;
}
