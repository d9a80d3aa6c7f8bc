import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { boxFromCorners, editablePrompt, isAnswerable } from "./editable-prompt.ts";

const image = { columns: 200, rows: 100 };

describe("editablePrompt", () => {
  it("merges the passes on the image's own grid", () => {
    const network = { columns: 100, rows: 100 };
    const prompt = editablePrompt(
      [
        { segment: 1, geometry: network, box: { xMin: 10, yMin: 20, xMax: 30, yMax: 40 } },
        { segment: 1, geometry: network, points: [{ x: 15, y: 25, label: "foreground" }] },
        {
          segment: 1,
          geometry: image,
          points: [
            { x: 30, y: 25, label: "foreground" },
            { x: 5, y: 6, label: "background" },
          ],
        },
      ],
      image,
    );
    expect(prompt).toEqual({
      box: { xMin: 20, yMin: 20, xMax: 60, yMax: 40 },
      points: [
        { x: 30, y: 25, label: "foreground" },
        { x: 5, y: 6, label: "background" },
      ],
    });
  });

  it("is undefined when only masks were asked with", () => {
    expect(editablePrompt([{ segment: 1, geometry: image }], image)).toBeUndefined();
  });
});

describe("boxFromCorners", () => {
  it("orders corners, stays inside the image and refuses slivers", () => {
    const coordinate = fc.double({ min: -50, max: 250, noNaN: true });
    const corner = fc.record({ x: coordinate, y: coordinate });
    fc.assert(
      fc.property(corner, corner, (a, b) => {
        const box = boxFromCorners(a, b, image);
        if (!box) return;
        expect(box.xMin).toBeGreaterThanOrEqual(0);
        expect(box.xMax).toBeLessThanOrEqual(199);
        expect(box.yMax - box.yMin).toBeGreaterThanOrEqual(1);
      }),
    );
    expect(boxFromCorners({ x: 5, y: 5 }, { x: 5.4, y: 90 }, image)).toBeUndefined();
  });
});

describe("isAnswerable", () => {
  it("needs a box or a positive point", () => {
    expect(isAnswerable({ points: [{ x: 1, y: 1, label: "background" }], box: undefined })).toBe(false);
    expect(isAnswerable({ points: [{ x: 1, y: 1, label: "foreground" }], box: undefined })).toBe(true);
  });
});
