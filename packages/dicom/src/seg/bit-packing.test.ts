import { isRefineError } from "@samrefine/core";
import fc from "fast-check";
import { expect, test } from "vitest";
import { joinPackedFrames, packFrame, unpackFrame } from "./bit-packing.ts";

test("packing is the bit stream that the definition says, for any frame size and alignment", () => {
  const frames = fc
    .integer({ min: 1, max: 70 })
    .chain((pixels) =>
      fc.array(fc.array(fc.nat(1), { minLength: pixels, maxLength: pixels }), { minLength: 1, maxLength: 5 }),
    );
  fc.assert(
    fc.property(frames, fc.nat(3), (masks, misalignment) => {
      const pixels = masks[0]?.length ?? 0;
      const packed = masks.map((mask) => {
        const view = new Uint8Array(pixels + misalignment).subarray(misalignment);
        view.set(mask);
        const frame = packFrame(view, new Uint8Array((pixels + 7) >> 3));
        expect(frame.isEmpty).toBe(!mask.includes(1));
        return frame.bytes;
      });
      const stream = Uint8Array.from(joinPackedFrames(packed, pixels).flatMap((chunk) => [...chunk]));
      const bits = masks.flat();
      expect(stream).toHaveLength(Math.ceil(bits.length / 8));
      bits.forEach((bit, i) => {
        expect(((stream[i >> 3] ?? 0) >> (i & 7)) & 1).toBe(bit);
      });
      masks.forEach((mask, index) => {
        expect([...unpackFrame(stream, index, pixels)]).toEqual(mask);
      });
    }),
    { numRuns: 300 },
  );
});

test("overlap is seen only where two masks share a pixel", () => {
  const occupied = new Uint8Array(2);
  expect(packFrame(Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0, 1), occupied).overlaps).toBe(false);
  expect(packFrame(Uint8Array.of(0, 1, 0, 0, 0, 0, 0, 0, 0), occupied).overlaps).toBe(false);
  expect(packFrame(Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 1), occupied).overlaps).toBe(true);
});

test("other values than 0 and 1 are refused, in the middle and in the tail", () => {
  for (const at of [0, 5, 8]) {
    const mask = new Uint8Array(9);
    mask[at] = 255;
    let error: unknown;
    try {
      packFrame(mask, new Uint8Array(2));
    } catch (e) {
      error = e;
    }
    expect(isRefineError(error, "seg-encoding")).toBe(true);
  }
});
