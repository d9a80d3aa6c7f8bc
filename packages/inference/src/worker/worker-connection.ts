import { RefineError } from "@samrefine/core";
import { type Endpoint, type Remote, wrap } from "comlink";
import type { BackendReport } from "../contract.ts";
import { protocolVersion, type WorkerApi, type WorkerConfiguration } from "./protocol.ts";
import { installCallerHandlers } from "./transfer-handlers.ts";
import { watchLife } from "./worker-life.ts";

/** A Web Worker, or what stands for one in Node. */
export interface WorkerLike extends Endpoint {
  terminate(): unknown;
}

/** One worker's life: from its start to the moment that it is lost or given up. */
export class WorkerConnection {
  readonly remote: Remote<WorkerApi>;
  readonly backend: BackendReport;
  /** Rejects when the worker is lost; to be raced against every call, since a dead worker answers nothing. */
  readonly lost: Promise<never>;
  readonly #lose: (error: RefineError) => void;
  #isLost = false;

  private constructor(
    remote: Remote<WorkerApi>,
    backend: BackendReport,
    lost: Promise<never>,
    lose: (error: RefineError) => void,
  ) {
    this.remote = remote;
    this.backend = backend;
    this.lost = lost;
    this.#lose = lose;
    lost.catch(() => {
      this.#isLost = true;
    });
  }

  /** @throws RefineError `worker-crashed` when the script cannot be loaded, `backend-unavailable`, `configuration`. */
  static async open(createWorker: () => WorkerLike, configuration: WorkerConfiguration): Promise<WorkerConnection> {
    installCallerHandlers();
    const worker = createWorker();
    let lose: (error: RefineError) => void = () => {};
    const lost = new Promise<never>((_, reject) => {
      lose = reject;
    });
    // Handled here, so that a loss while nobody waits is no unhandled rejection.
    lost.catch(() => worker.terminate());
    worker.addEventListener("error", (event: unknown) => lose(crashed(reasonOf(event))));
    worker.addEventListener("messageerror", () => lose(crashed("a message could not be read")));
    try {
      const remote = wrap<WorkerApi>(worker);
      const { protocol, backend, life } = await Promise.race([remote.start(configuration), lost]);
      if (protocol !== protocolVersion) {
        throw new RefineError(
          "configuration",
          `The inference worker speaks protocol ${protocol}, this page ${protocolVersion}.`,
          { hint: "Page and worker come from different builds: reload without the browser's cache." },
        );
      }
      watchLife(life, () => lose(crashed(reasonOf(undefined))));
      return new WorkerConnection(remote, backend, lost, lose);
    } catch (error) {
      worker.terminate();
      throw error;
    }
  }

  get isLost(): boolean {
    return this.#isLost;
  }

  /** Ends the worker; calls that still wait reject with the error. */
  abandon(error: RefineError): void {
    this.#isLost = true;
    this.#lose(error);
  }
}

function crashed(reason: string): RefineError {
  return new RefineError("worker-crashed", `The inference worker stopped: ${reason}.`, {
    hint: "Try again: the worker is rebuilt and its models are loaded again. Close other tabs if memory is short.",
    details: { reason },
  });
}

function reasonOf(event: unknown): string {
  const message = typeof event === "object" && event !== null && "message" in event ? event.message : undefined;
  return typeof message === "string" && message !== "" ? message : "its script could not be loaded or it was ended";
}
