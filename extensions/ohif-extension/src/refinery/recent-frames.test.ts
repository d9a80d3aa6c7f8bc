import fc from "fast-check";
import { expect, it } from "vitest";
import { outwardOrder } from "../run/slice-order.ts";
import type { DecodedFrame } from "../series/modality-image.ts";
import { RecentFrames, SentFrames } from "./recent-frames.ts";

it("sends every frame of a series little more than once, and the other side always has it", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 60 }), fc.nat(60), (count, visible) => {
      const [sent, recent] = [new SentFrames(), new RecentFrames()];
      let pixels = 0;
      for (const slice of outwardOrder(count, visible)) {
        for (const neighbour of [slice - 1, slice, slice + 1]) {
          const index = Math.min(Math.max(neighbour, 0), count - 1);
          const frame = { bitsStored: index } as DecodedFrame;
          const reference = sent.reference(`slice ${index}`, frame);
          if (reference.frame) pixels++;
          expect(recent.take(reference)).toBe(reference.frame ?? recent.take(reference));
          expect(recent.take(reference)?.bitsStored).toBe(index);
        }
      }
      expect(pixels).toBeLessThanOrEqual(Math.ceil(1.5 * count) + 3);
    }),
  );
});

it("says when it has nothing", () => {
  expect(new RecentFrames().take({ key: "unknown", frame: undefined })).toBeUndefined();
});
