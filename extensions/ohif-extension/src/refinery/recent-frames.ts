import type { DecodedFrame } from "../series/modality-image.ts";
import { type FrameReference, KEPT_FRAMES } from "./contract.ts";

/**
 * The page's side: which frames the refinery still has. Of one run only, and with a margin, because requests that are under way
 * at once may arrive between each other.
 */
export class SentFrames {
  readonly #keys: string[] = [];

  /** The frame as it is to be sent: without its pixels when they were sent a moment ago. */
  reference(key: string, frame: DecodedFrame): FrameReference {
    if (this.#keys.includes(key)) return { key, frame: undefined };
    this.#keys.push(key);
    if (this.#keys.length > KEPT_FRAMES / 2) this.#keys.shift();
    return { key, frame };
  }
}

/** The refinery's side: the frames that came last. */
export class RecentFrames {
  readonly #frames = new Map<string, DecodedFrame>();

  /** @returns undefined for a frame that was neither sent now nor lately. */
  take({ key, frame = this.#frames.get(key) }: FrameReference): DecodedFrame | undefined {
    if (!frame) return undefined;
    // In the order in which they came, as the other side counts them: use does not renew.
    if (!this.#frames.has(key)) this.#frames.set(key, frame);
    for (const oldest of this.#frames.keys()) {
      if (this.#frames.size <= KEPT_FRAMES) break;
      this.#frames.delete(oldest);
    }
    return frame;
  }

  clear(): void {
    this.#frames.clear();
  }
}
