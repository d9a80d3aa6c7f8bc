import { describe, expect, test } from "vitest";
import { abdominalCtPhantom } from "./abdomen-phantom.ts";

const options = { seed: 5, matrix: 96, slices: 22 } as const;
const phantom = abdominalCtPhantom(options);
const { size, indexToPatient: m } = phantom.volume.geometry;
const { descriptions } = phantom.labelmap;

function labelValue(label: string): number {
  return descriptions.find((description) => description.label === label)!.number;
}

function voxelsOf(label: string): number[] {
  const value = labelValue(label);
  const result: number[] = [];
  phantom.labelmap.data.forEach((found, i) => {
    if (found === value) result.push(i);
  });
  return result;
}

function meanHu(label: string): number {
  const voxels = voxelsOf(label);
  return voxels.reduce((sum, i) => sum + phantom.volume.data[i]!, 0) / voxels.length;
}

/** Centre of mass, LPS mm. */
function centre(label: string): readonly [x: number, y: number, z: number] {
  const voxels = voxelsOf(label);
  const sum = [0, 0, 0];
  for (const at of voxels) {
    const i = at % size[0];
    const j = Math.floor(at / size[0]) % size[1];
    const k = Math.floor(at / (size[0] * size[1]));
    sum[0]! += m[0] * i + m[3];
    sum[1]! += m[5] * j + m[7];
    sum[2]! += m[10] * k + m[11];
  }
  return [sum[0]! / voxels.length, sum[1]! / voxels.length, sum[2]! / voxels.length];
}

describe("abdominalCtPhantom", () => {
  test("is deterministic and differs by seed", () => {
    const [first, again, other] = [1, 1, 2].map((seed) => abdominalCtPhantom({ seed, matrix: 48, slices: 3 }));
    expect(again!.volume.data.every((value, i) => value === first!.volume.data[i])).toBe(true);
    expect(again!.labelmap.data.every((value, i) => value === first!.labelmap.data[i])).toBe(true);
    expect(other!.volume.data.every((value, i) => value === first!.volume.data[i])).toBe(false);
  });

  test("the volume spans 220 mm and the label map shares its grid", () => {
    expect(size).toEqual([96, 96, 22]);
    expect(m[10]).toBe(10);
    expect(phantom.labelmap.geometry).toBe(phantom.volume.geometry);
    expect(phantom.labelmap.data).toHaveLength(96 * 96 * 22);
  });

  test("organs have the volume of a person's", () => {
    const ml = (label: string): number => (voxelsOf(label).length * m[0] * m[5] * m[10]) / 1000;
    expect(ml("Liver")).toBeGreaterThan(700);
    expect(ml("Liver")).toBeLessThan(2600);
    for (const kidney of ["Left kidney", "Right kidney"]) {
      expect(ml(kidney)).toBeGreaterThan(80);
      expect(ml(kidney)).toBeLessThan(330);
    }
    for (const { label } of descriptions) expect(ml(label)).toBeGreaterThan(5);
  });

  test("organs lie where they belong: liver right, spleen left, spine behind the aorta", () => {
    expect(centre("Liver")[0]).toBeLessThan(-20);
    expect(centre("Spleen")[0]).toBeGreaterThan(50);
    expect(centre("Left kidney")[0]).toBeGreaterThan(30);
    expect(centre("Right kidney")[0]).toBeLessThan(-30);
    expect(centre("Aorta")[0]).toBeGreaterThan(centre("Inferior vena cava")[0]);
    expect(centre("Vertebrae")[1]).toBeGreaterThan(centre("Aorta")[1]);
    expect(centre("Liver")[2]).toBeGreaterThan(centre("Right kidney")[2]);
  });

  test("Hounsfield units are those of a portal venous scan", () => {
    expect(meanHu("Liver")).toBeGreaterThan(70);
    expect(meanHu("Liver")).toBeLessThan(140);
    expect(meanHu("Gallbladder")).toBeLessThan(45);
    expect(meanHu("Left kidney")).toBeGreaterThan(meanHu("Liver"));
    expect(meanHu("Vertebrae")).toBeGreaterThan(180);
    expect(phantom.volume.data[0]).toBeLessThan(-900);
  });

  test("the liver is noisy like a scan", () => {
    const voxels = voxelsOf("Liver");
    const mean = meanHu("Liver");
    const variance = voxels.reduce((sum, i) => sum + (phantom.volume.data[i]! - mean) ** 2, 0) / voxels.length;
    expect(Math.sqrt(variance)).toBeGreaterThan(7);
    expect(Math.sqrt(variance)).toBeLessThan(35);
  });
});
