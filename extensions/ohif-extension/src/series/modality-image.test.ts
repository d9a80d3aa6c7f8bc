import { describe, expect, it } from "vitest";
import { decodedFrame as frame } from "./decoded-frame.fixture.ts";
import { modalityImage } from "./modality-image.ts";

describe("modalityImage", () => {
  it("applies slope and intercept once", () => {
    expect([...modalityImage(frame({ slope: 2, intercept: -1000 })).data]).toEqual([-1000, -800]);
    expect([...modalityImage(frame({ slope: 2, intercept: -1000, isScaled: true })).data]).toEqual([0, 100]);
  });

  it("mirrors MONOCHROME1 inside its stored range, so that larger is brighter", () => {
    expect([...modalityImage(frame({ isInverted: true, bitsStored: 10 })).data]).toEqual([1023, 923]);
    expect([...modalityImage(frame({ isInverted: true, isSigned: true, bitsStored: 8 })).data]).toEqual([-1, -101]);
  });

  it("mirrors after rescaling, whether the loader or we rescaled", () => {
    const ours = modalityImage(frame({ isInverted: true, slope: 2, intercept: 5 })).data;
    const loaders = modalityImage(
      frame({ isInverted: true, slope: 2, intercept: 5, isScaled: true, data: Float32Array.of(5, 205) }),
    ).data;
    expect([...loaders]).toEqual([...ours]);
    expect([...ours]).toEqual([4095 * 2 + 5, (4095 - 100) * 2 + 5]);
  });

  it("reduces colour to luminance and ignores alpha", () => {
    const rgba = modalityImage(frame({ samplesPerPixel: 4, data: Uint8Array.of(255, 255, 255, 0, 255, 0, 0, 255) }));
    expect(rgba.channels).toBe(1);
    expect(rgba.data[0]).toBeCloseTo(255, 3);
    expect(rgba.data[1]).toBeCloseTo(76.245, 3);
  });

  it("does not copy what is already right", () => {
    const source = frame({});
    expect(modalityImage(source).data).toBe(source.data);
  });
});
