import { expect, test } from "vitest";
import { LEFT, RIGHT } from "./concept-data.ts";
import { CONCEPTS, lateralityOf, searchConcepts, suggestConcept } from "./concepts.ts";

test("codes and names are unique and well formed", () => {
  expect(new Set(CONCEPTS.map(({ type }) => type.value)).size).toBe(CONCEPTS.length);
  expect(new Set(CONCEPTS.map(({ type }) => type.meaning)).size).toBe(CONCEPTS.length);
  for (const { type, category, colorRgb } of CONCEPTS) {
    expect(type.value).toMatch(/^\d{6,16}$/);
    expect(type.meaning.length).toBeLessThanOrEqual(64);
    expect(category.scheme).toBe("SCT");
    expect(colorRgb.every((channel) => Number.isInteger(channel) && channel >= 0 && channel <= 255)).toBe(true);
  }
  expect(CONCEPTS.length).toBeGreaterThanOrEqual(150);
});

test.each([
  ["liver", "Liver", []],
  ["Kidney_left", "Kidney", [LEFT]],
  ["right lung", "Lung", [RIGHT]],
  ["Lungs", "Lung", []],
  ["left ventricle", "Left ventricle", []],
  ["tooth", "Tooth", []],
  ["Teeth 2", "Tooth", []],
  ["Anterior hippocampus", "Hippocampus", []],
  ["5th metacarpal", "Metacarpal", []],
  ["distal phalanx of the thumb", "Bone", []],
  ["Radius", "Radius", []],
  ["inferior vena cava", "Inferior vena cava", []],
  ["liver tumour", "Neoplasm", []],
  ["urinary bladder", "Bladder", []],
  ["rib_left_4", "Rib", [LEFT]],
])("%s is %s", (label, meaning, modifiers) => {
  const suggestion = suggestConcept(label);
  expect(suggestion.type.meaning).toBe(meaning);
  expect(suggestion.modifiers).toEqual(modifiers);
  expect(suggestion.isCertain).toBe(true);
});

test("an abnormality comes with the place that the label names", () => {
  expect(suggestConcept("liver tumour").anatomicRegion?.meaning).toBe("Liver");
  expect(suggestConcept("tumour").anatomicRegion).toBeUndefined();
  expect(suggestConcept("liver").anatomicRegion).toBeUndefined();
});

test("what is unknown is offered as tissue, and says so", () => {
  expect(suggestConcept("blorb 7")).toMatchObject({ isCertain: false, type: { meaning: "Tissue" } });
});

test("a label adds its side to its own type only", () => {
  const kidney = { value: "64033007", scheme: "SCT", meaning: "Kidney" };
  expect(lateralityOf("Kidney_left", kidney)).toEqual([LEFT]);
  expect(lateralityOf("Kidney", kidney)).toEqual([]);
  expect(lateralityOf("Left lung", kidney)).toEqual([]);
});

test("search finds by beginnings of words, the plainest name first", () => {
  expect(searchConcepts("kid")[0]?.type.meaning).toBe("Kidney");
  expect(searchConcepts("vena cav").map(({ type }) => type.meaning)).toEqual([
    "Inferior vena cava",
    "Superior vena cava",
  ]);
  expect(searchConcepts("")).toHaveLength(20);
  expect(searchConcepts("zzz")).toEqual([]);
});
