import fc from "fast-check";
import { expect, it } from "vitest";
import { outwardOrder } from "../run/slice-order.ts";
import { decodedFrame } from "../series/decoded-frame.fixture.ts";
import type { DecodedFrame } from "../series/modality-image.ts";
import { RecentFrames, SentFrames } from "./recent-frames.ts";

const frameOf = (value: number): DecodedFrame =>
  decodedFrame({ geometry: { columns: 1, rows: 1 }, data: Uint8Array.of(value) });

it("sends every frame of a series little more than once, and the other side always has it", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 60 }),
      fc.array(fc.nat(60), { minLength: 1, maxLength: 3 }),
      (count, runs) => {
        const recent = new RecentFrames();
        for (const visible of runs) {
          const sent = new SentFrames();
          let pixels = 0;
          for (const slice of outwardOrder(count, visible)) {
            for (const neighbour of [slice - 1, slice, slice + 1]) {
              const index = Math.min(Math.max(neighbour, 0), count - 1);
              const reference = sent.reference(`slice ${index}`, frameOf(index));
              if (reference.frame) pixels++;
              expect(recent.take(reference)?.data[0]).toBe(index);
            }
          }
          expect(pixels).toBeLessThanOrEqual(Math.ceil(1.5 * count) + 3);
        }
      },
    ),
  );
});

it("says when it has nothing", () => {
  expect(new RecentFrames().take({ key: "unknown", frame: undefined })).toBeUndefined();
});
