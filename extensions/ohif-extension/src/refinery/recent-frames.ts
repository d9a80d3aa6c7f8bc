import type { Image2D } from "@samrefine/core";
import { type DecodedFrame, modalityImage } from "../series/modality-image.ts";
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

/** The refinery's side: the images of the frames that came last. */
export class RecentFrames {
  readonly #images = new Map<string, Image2D>();

  /** @returns undefined for a frame that was neither sent now nor lately. */
  take({ key, frame }: FrameReference): Image2D | undefined {
    if (!frame) return this.#images.get(key);
    // In the order in which they came, as the other side counts them: use does not renew, but another run's sending does.
    const image = modalityImage(frame);
    this.#images.delete(key);
    this.#images.set(key, image);
    for (const oldest of this.#images.keys()) {
      if (this.#images.size <= KEPT_FRAMES) break;
      this.#images.delete(oldest);
    }
    return image;
  }

  clear(): void {
    this.#images.clear();
  }
}
