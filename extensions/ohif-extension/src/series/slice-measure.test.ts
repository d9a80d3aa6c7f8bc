import { describe, expect, it } from "vitest";
import { formatSize, sizeUnit } from "./slice-measure.ts";

describe("sizeUnit", () => {
  it("counts pixels without spacing and areas without positions", () => {
    expect(sizeUnit(2, undefined, [0, 5])).toEqual({ kind: "pixels", perPixel: [1, 1] });
    expect(sizeUnit(1, 0.25, [0])).toEqual({ kind: "mm2", perPixel: [0.25] });
    expect(sizeUnit(2, 0.25, undefined).kind).toBe("mm2");
  });

  it("lets every slice reach half-way to its neighbours, in any order", () => {
    expect(sizeUnit(3, 1000, [0, 2, 6])).toEqual({ kind: "ml", perPixel: [2, 3, 4] });
    expect(sizeUnit(3, 1000, [6, 0, 2]).perPixel).toEqual([4, 2, 3]);
  });

  it("gives no volume where two slices lie at one place", () => {
    expect(sizeUnit(3, 1, [0, 0, 0]).kind).toBe("mm2");
  });
});

describe("formatSize", () => {
  it("rounds to what the unit can carry", () => {
    expect(formatSize(3.456, "ml")).toBe("3.46 ml");
    expect(formatSize(123.456, "ml")).toBe("123.5 ml");
    expect(formatSize(1234.5, "mm2")).toBe("1,235 mm²");
    expect(formatSize(1024, "pixels")).toBe("1,024 px");
  });
});
