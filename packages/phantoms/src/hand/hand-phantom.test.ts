import { describe, expect, test } from "vitest";
import { exclusiveHandLabels } from "./exclusive-labels.ts";
import { type HandPhantom, handRadiographPhantom } from "./hand-phantom.ts";
import { HAND_SEGMENTS } from "./segments.ts";

// Coarse pixels: nothing tested here depends on their size, drawing time does.
const spacingMm = 0.6;
const phantom = handRadiographPhantom({ seed: 11, spacingMm });

function maskOf(hand: HandPhantom, label: string): Uint8Array {
  const number = hand.descriptions.find((description) => description.label === label)!.number;
  return hand.segments.segments.find((segment) => segment.number === number)!.mask.data;
}

function area(mask: Uint8Array): number {
  return mask.reduce((sum, value) => sum + value, 0);
}

function meanUnder(hand: HandPhantom, mask: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < mask.length; i++) if (mask[i] === 1) sum += hand.image.data[i]!;
  return sum / area(mask);
}

/** Mean column and row. */
function centre(hand: HandPhantom, label: string): { readonly x: number; readonly y: number } {
  const mask = maskOf(hand, label);
  const { columns } = hand.image.geometry;
  let x = 0;
  let y = 0;
  for (let i = 0; i < mask.length; i++) {
    if (mask[i] === 0) continue;
    x += i % columns;
    y += Math.floor(i / columns);
  }
  return { x: x / area(mask), y: y / area(mask) };
}

describe("handRadiographPhantom", () => {
  test("is deterministic", () => {
    const again = handRadiographPhantom({ seed: 11, spacingMm });
    expect(isSame(again.image.data, phantom.image.data)).toBe(true);
    again.segments.segments.forEach(({ mask }, i) => {
      expect(isSame(mask.data, phantom.segments.segments[i]!.mask.data)).toBe(true);
    });
  });

  test("another seed and another acquisition are other images; a person keeps the sizes of the bones", () => {
    const other = handRadiographPhantom({ seed: 12, spacingMm });
    const later = handRadiographPhantom({ seed: 11, acquisition: 1, spacingMm });
    expect(isSame(other.image.data, phantom.image.data)).toBe(false);
    expect(isSame(later.image.data, phantom.image.data)).toBe(false);
    const size = area(maskOf(phantom, "Capitate"));
    expect(area(maskOf(later, "Capitate")) / size).toBeCloseTo(1, 1);
  });

  test("every class is there with the area of a hand's bone, and the masks fill the image's grid", () => {
    const { columns, rows } = phantom.image.geometry;
    expect(phantom.image.data.length).toBe(columns * rows);
    expect(phantom.image.geometry.spacingMm).toEqual({ x: spacingMm, y: spacingMm });
    expect(rows * spacingMm).toBeGreaterThanOrEqual(190);
    expect(phantom.segments.segments.map(({ number }) => number)).toEqual(HAND_SEGMENTS.map(({ number }) => number));
    for (const segment of phantom.segments.segments) {
      expect(segment.mask.data.length).toBe(columns * rows);
      expect(segment.mask.data.every((value) => value === 0 || value === 1)).toBe(true);
      const mm2 = area(segment.mask.data) * spacingMm ** 2;
      expect(mm2).toBeGreaterThan(50);
      expect(mm2).toBeLessThan(3000);
    }
  });

  test("bones overlap where they do in a person: the pisiform lies on the triquetrum", () => {
    const pisiform = maskOf(phantom, "Pisiform");
    const triquetrum = maskOf(phantom, "Triquetrum");
    const shared = pisiform.filter((value, i) => value === 1 && triquetrum[i] === 1).length;
    expect(shared).toBeGreaterThan(0.3 * area(pisiform));
  });

  test("exclusive labels keep every class and lie in its mask", () => {
    const labels = exclusiveHandLabels(phantom.segments);
    for (const { number, mask } of phantom.segments.segments) {
      expect(labels.includes(number)).toBe(true);
      expect(labels.every((label, i) => label !== number || mask.data[i] === 1)).toBe(true);
    }
    const anywhere = phantom.segments.segments[0]!.mask.data.map((_, i) =>
      phantom.segments.segments.some(({ mask }) => mask.data[i] === 1) ? 1 : 0,
    );
    expect(
      isSame(
        labels.map((label) => (label > 0 ? 1 : 0)),
        anywhere,
      ),
    ).toBe(true);
  });

  test("12 bits, bone brighter than what lies around it, air dark", () => {
    expect(phantom.image.data.every((value) => value <= 4095)).toBe(true);
    const labels = exclusiveHandLabels(phantom.segments);
    const background = labels.map((label) => (label === 0 ? 1 : 0));
    expect(meanUnder(phantom, maskOf(phantom, "Capitate"))).toBeGreaterThan(2 * meanUnder(phantom, background));
  });

  test("fingertips up; the thumb lies on the right for a left hand and on the left for a right hand", () => {
    const right = handRadiographPhantom({ seed: 11, laterality: "right", spacingMm });
    expect(centre(phantom, "Distal phalanges").y).toBeLessThan(centre(phantom, "Radius").y);
    expect(centre(phantom, "Metacarpal I").x).toBeGreaterThan(centre(phantom, "Metacarpal V").x);
    expect(centre(right, "Metacarpal I").x).toBeLessThan(centre(right, "Metacarpal V").x);
  });
});

/** A deep comparison of the test library takes a minute for an image. */
function isSame(a: ArrayLike<number>, b: ArrayLike<number>): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
