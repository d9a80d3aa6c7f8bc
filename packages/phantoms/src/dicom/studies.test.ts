import { numberOf, numbersOf, readPart10, textOf } from "@samrefine/dicom";
import { describe, expect, test } from "vitest";
import { abdominalCtPhantom } from "../ct/abdomen-phantom.ts";
import { handRadiographPhantom } from "../hand/hand-phantom.ts";
import { abdominalCtStudyFiles } from "./abdominal-ct-study.ts";
import { handStudyFiles } from "./hand-study.ts";

const small = { seed: 4, matrix: 48, slices: 3 } as const;
const spacingMm = 0.6;
const hand = handStudyFiles({ seed: 4, images: 2, spacingMm });
const ct = abdominalCtStudyFiles(small);

function pixels(file: Uint8Array): Uint16Array {
  const bytes = readPart10(file).dataset.PixelData as Uint8Array;
  return new Uint16Array(bytes.slice().buffer);
}

describe("handStudyFiles", () => {
  test("pixels and spacing are read back as they were drawn", () => {
    const { image } = handRadiographPhantom({ seed: 4, acquisition: 1, spacingMm });
    const { dataset } = readPart10(hand[1]!);
    expect(pixels(hand[1]!).every((value, i) => value === image.data[i])).toBe(true);
    expect(numbersOf(dataset, "PixelSpacing", 2)).toEqual([spacingMm, spacingMm]);
    expect(numberOf(dataset, "Columns")).toBe(image.geometry.columns);
    expect(textOf(dataset, "Modality")).toBe("DX");
    expect(textOf(dataset, "PatientName")).toBe("Phantom^Hand^04");
  });

  test("one study, one series, an instance for each image; the same seed gives the same bytes", () => {
    const uids = (keyword: string): number =>
      new Set(hand.map((file) => textOf(readPart10(file).dataset, keyword))).size;
    expect([uids("StudyInstanceUID"), uids("SeriesInstanceUID"), uids("SOPInstanceUID")]).toEqual([1, 1, 2]);
    const again = handStudyFiles({ seed: 4, images: 1, spacingMm })[0]!;
    expect(again.length).toBe(hand[0]!.length);
    expect(again.every((byte, i) => byte === hand[0]![i])).toBe(true);
  });
});

describe("abdominalCtStudyFiles", () => {
  test("rescaled pixels are the phantom's Hounsfield units and positions follow its affine", () => {
    const { volume } = abdominalCtPhantom(small);
    const m = volume.geometry.indexToPatient;
    ct.forEach((file, k) => {
      const { dataset } = readPart10(file);
      const hu = Int16Array.from(pixels(file), (value) => value + numberOf(dataset, "RescaleIntercept")!);
      expect(hu).toEqual(volume.data.slice(k * 48 * 48, (k + 1) * 48 * 48));
      const position = numbersOf(dataset, "ImagePositionPatient", 3)!;
      expect(position[0]).toBeCloseTo(m[3], 5);
      expect(position[1]).toBeCloseTo(m[7], 5);
      expect(position[2]).toBeCloseTo(m[11] + k * m[10], 5);
      expect(numbersOf(dataset, "PixelSpacing", 2)).toEqual([m[5], m[0]]);
    });
  });
});
