import { describe, expect, it } from "vitest";
import { encodeMask } from "../labelmap/runs.ts";
import { type LabelmapPort, SegmentationRecord } from "../labelmap/segmentation-record.ts";
import { beginEdit, continueEdit, type Gesture, previewLabels, promptOf, withoutLastGesture } from "./pending-edit.ts";

const columns = 8;
function recordWith(labels: Uint8Array): SegmentationRecord {
  const labelmap: LabelmapPort = {
    sliceCount: 1,
    geometry: () => ({ columns, rows: labels.length / columns }),
    read: () => labels,
    write: (_, next) => labels.set(next),
    announce: () => {},
  };
  return new SegmentationRecord("id", labelmap, [], undefined);
}
/** Two pieces of segment 1: columns 0-1 and columns 6-7 of the first row; segment 2 in the second row. */
const pieces = () => Uint8Array.of(1, 1, 0, 0, 0, 0, 1, 1, 2, 2, 0, 0, 0, 0, 0, 0);
const point = (x: number, y: number, label: "foreground" | "background" = "foreground"): Gesture => ({
  kind: "point",
  x,
  y,
  label,
});
const answer = (...indices: number[]) => Uint8Array.from({ length: 16 }, (_, i) => (indices.includes(i) ? 1 : 0));

describe("beginEdit", () => {
  it("begins a new object outside the segment, which is added to it", () => {
    const record = recordWith(pieces());
    const edit = beginEdit(record, 0, 1, point(3, 0))!;
    expect(edit.initial).toBeUndefined();
    expect(promptOf(edit).points).toHaveLength(1);
    const labels = previewLabels({ ...edit, mask: answer(3, 4) }, pieces(), new Set());
    expect([...labels.subarray(0, 8)]).toEqual([1, 1, 0, 1, 1, 0, 1, 1]);
  });

  it("corrects only the connected piece under the pixel, and names it by its box when pixels are to go", () => {
    const edit = beginEdit(recordWith(pieces()), 0, 1, point(6, 0, "background"))!;
    expect([...edit.initial!.subarray(0, 8)]).toEqual([0, 0, 0, 0, 0, 0, 1, 1]);
    expect(promptOf(edit).box).toMatchObject({ xMax: 7 });
    const labels = previewLabels({ ...edit, mask: answer(7) }, pieces(), new Set());
    expect([...labels.subarray(0, 8)]).toEqual([1, 1, 0, 0, 0, 0, 0, 1]);
  });

  it("goes on with an object that a person made", () => {
    const record = recordWith(pieces());
    const object = {
      id: "o",
      segment: 1,
      prompt: { points: [{ x: 0, y: 0, label: "foreground" as const }], box: undefined },
      mask: encodeMask(answer(0, 1)),
      origin: "person" as const,
    };
    record.setObjects(0, [object]);
    const edit = beginEdit(record, 0, 1, point(1, 0, "background"))!;
    expect(edit.replaced).toBe(object);
    expect(promptOf(edit).points).toHaveLength(2);
  });

  it("has nothing to take away outside the segment", () => {
    expect(beginEdit(recordWith(pieces()), 0, 1, point(3, 0, "background"))).toBeUndefined();
  });
});

describe("a pending edit", () => {
  it("takes its gestures back one by one, down to nothing", () => {
    const first = beginEdit(recordWith(pieces()), 0, 1, point(3, 0))!;
    const second = continueEdit(first, { kind: "box", box: { xMin: 2, yMin: 0, xMax: 4, yMax: 1 } });
    expect(promptOf(second).box).toBeDefined();
    const back = withoutLastGesture({ ...second, mask: answer(3) })!;
    expect(promptOf(back)).toEqual(promptOf(first));
    expect(back.mask).toBeUndefined();
    expect(withoutLastGesture(back)).toBeUndefined();

    const piece = beginEdit(recordWith(pieces()), 0, 1, point(0, 0))!;
    expect(withoutLastGesture(piece)).toBeUndefined();
  });

  it("leaves locked segments alone", () => {
    const edit = beginEdit(recordWith(pieces()), 0, 1, point(3, 0))!;
    const mask = answer(3, 8, 9);
    expect(previewLabels({ ...edit, mask }, pieces(), new Set([2]))[8]).toBe(2);
    expect(previewLabels({ ...edit, mask }, pieces(), new Set())[8]).toBe(1);
  });
});
