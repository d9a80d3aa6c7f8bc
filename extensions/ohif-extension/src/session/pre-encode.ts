import { type IdleTask, IdleTasks } from "@samrefine/inference";
import { outwardOrder } from "../run/slice-order.ts";

/** One slice that SAM may be asked about. */
export interface SliceToEncode {
  /** Names series and slice. */
  readonly key: string;
  encode(signal: AbortSignal): Promise<void>;
}

const PAUSE_MS = 700;

/**
 * While nobody asks anything, SAM's encoder reads the slice on screen and then its neighbours, so that the next click is
 * answered at once. A slice is read once.
 */
export class PreEncode {
  readonly tasks: IdleTasks;
  readonly #done = new Set<string>();

  /** @param wanted The slices around the visible one, in the order in which they are wanted; empty while SAM is not in use. */
  constructor(wanted: () => readonly SliceToEncode[], pauseMs = PAUSE_MS) {
    this.tasks = new IdleTasks(pauseMs, () => this.#next(wanted()));
  }

  /** The cache was cleared: what was read is read again. */
  forget(): void {
    this.#done.clear();
  }

  #next(wanted: readonly SliceToEncode[]): IdleTask | undefined {
    const slice = wanted.find(({ key }) => !this.#done.has(key));
    return (
      slice &&
      (async (signal) => {
        try {
          await slice.encode(signal);
        } finally {
          // Also after a fault: nobody asked for it, and the click on this slice will say what is wrong with it.
          if (!signal.aborted) this.#done.add(slice.key);
        }
      })
    );
  }
}

/** Slice numbers around `visible`, itself first, then outward on both sides, at most `reach` away. */
export function slicesAround(visible: number, count: number, reach: number): number[] {
  return outwardOrder(count, visible).filter((slice) => Math.abs(slice - visible) <= reach);
}
