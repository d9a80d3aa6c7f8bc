import { describe, expect, test } from "vitest";
import { chooseModel, matchSeries } from "./series-match.ts";

const teeth = {
  title: "Teeth",
  appliesTo: [{ modalities: ["DX", "PX"], bodyParts: ["JAW"] }],
};

describe("matchSeries", () => {
  test("compares without case and outer blanks", () => {
    expect(matchSeries(teeth, { modality: "px", bodyPart: " Jaw " }).fits).toBe(true);
  });

  test("says which condition failed and what was found", () => {
    expect(matchSeries(teeth, { modality: "DX" })).toEqual({
      fits: false,
      reasons: ["wants body part JAW, found none"],
    });
    expect(matchSeries(teeth, { modality: "CT", bodyPart: "JAW" })).toEqual({
      fits: false,
      reasons: ["wants modality DX or PX, found CT"],
    });
  });

  test("series description is a substring, manufacturer is not", () => {
    const model = { appliesTo: [{ modalities: ["MR"], seriesDescription: "t1", manufacturer: "Acme" }] };
    const series = { modality: "MR", seriesDescription: "ax T1 fl2d", manufacturer: "ACME" };
    expect(matchSeries(model, series).fits).toBe(true);
    expect(matchSeries(model, { ...series, manufacturer: "ACME Ltd" }).fits).toBe(false);
    expect(matchSeries(model, { ...series, seriesDescription: undefined }).fits).toBe(false);
  });

  test("one rule of several is enough; none at all never fits", () => {
    expect(
      matchSeries({ appliesTo: [{ modalities: ["CT"] }, { modalities: ["MR"] }] }, { modality: "MR" }),
    ).toMatchObject({ fits: true, rule: { modalities: ["MR"] } });
    expect(matchSeries({ appliesTo: [] }, { modality: "MR" }).fits).toBe(false);
  });
});

describe("chooseModel", () => {
  const general = { title: "Any radiograph", appliesTo: [{ modalities: ["DX"] }] };

  test("the more particular rule wins, whatever the order", () => {
    for (const manifests of [
      [general, teeth],
      [teeth, general],
    ]) {
      expect(chooseModel(manifests, { modality: "DX", bodyPart: "JAW" }).model?.title).toBe("Teeth");
    }
    expect(chooseModel([teeth, general], { modality: "DX", bodyPart: "HAND" }).model?.title).toBe("Any radiograph");
  });

  test("nothing that fits is said with a reason per model", () => {
    const choice = chooseModel([teeth, general], { modality: "CT" });
    expect(choice).toEqual({
      model: undefined,
      reason: "No U-Net fits this series.",
      perModel: ["Teeth: wants modality DX or PX, found CT.", "Any radiograph: wants modality DX, found CT."],
    });
    expect(chooseModel([], { modality: "CT" }).model).toBeUndefined();
  });
});
