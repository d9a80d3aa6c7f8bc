import { outwardOrder } from "../run/slice-order.ts";

/** One slice that SAM may be asked about. */
export interface SliceToEncode {
  /** Names series and slice. */
  readonly key: string;
  encode(signal: AbortSignal): Promise<void>;
}

export interface PreEncodePorts {
  /** Aborted when the study is closed. */
  readonly life: AbortSignal;
  /** The slices around the visible one, in the order in which they are wanted; empty while SAM is not in use. */
  readonly wanted: () => readonly SliceToEncode[];
  readonly pauseMs?: number;
}

const PAUSE_MS = 700;

/**
 * While nobody asks anything, SAM's encoder reads the slice on screen and then its neighbours, so that the next click is
 * answered at once. A slice is read once; whoever needs the worker calls {@link yield}.
 */
export class PreEncode {
  readonly #ports: PreEncodePorts;
  readonly #done = new Set<string>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #running: AbortController | undefined;

  constructor(ports: PreEncodePorts) {
    this.#ports = ports;
    ports.life.addEventListener("abort", () => this.yield(), { once: true });
  }

  /** Something changed or ended: begins after a pause, unless it is called again before that. */
  schedule(): void {
    clearTimeout(this.#timer);
    if (this.#ports.life.aborted || this.#running) return;
    this.#timer = setTimeout(() => void this.#next(), this.#ports.pauseMs ?? PAUSE_MS);
  }

  /** Makes way at once; a model run that is under way ends by itself. */
  yield(): void {
    clearTimeout(this.#timer);
    this.#running?.abort(new DOMException("Somebody asks.", "AbortError"));
    this.#running = undefined;
  }

  /** What was read is read again: the cache was cleared, or the model is another one. */
  forget(): void {
    this.#done.clear();
  }

  async #next(): Promise<void> {
    const slice = this.#ports.wanted().find(({ key }) => !this.#done.has(key));
    if (!slice) return;
    const controller = new AbortController();
    this.#running = controller;
    try {
      await slice.encode(controller.signal);
      this.#done.add(slice.key);
    } catch {
      // Nobody asked for it: the click on this slice will say what is wrong with it.
      if (!controller.signal.aborted) this.#done.add(slice.key);
    } finally {
      if (this.#running === controller) {
        this.#running = undefined;
        this.schedule();
      }
    }
  }
}

/** Slice numbers around `visible`, itself first, then outward on both sides, at most `reach` away. */
export function slicesAround(visible: number, count: number, reach: number): number[] {
  return outwardOrder(count, visible).filter((slice) => Math.abs(slice - visible) <= reach);
}
