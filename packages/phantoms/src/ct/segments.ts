import type { CodedConcept, SegmentDescription } from "@samrefine/core";
import { ANATOMICAL_STRUCTURE, snomed } from "../concepts.ts";
import { ABDOMEN_CLASSES, type AbdomenClass } from "./tissue.ts";

type Entry = readonly [label: string, color: readonly [number, number, number], type: CodedConcept];

const ENTRIES: Readonly<Record<AbdomenClass, Entry>> = {
  liver: ["Liver", [221, 130, 101], snomed("10200004", "Liver")],
  spleen: ["Spleen", [157, 108, 162], snomed("78961009", "Spleen")],
  "right-kidney": ["Right kidney", [185, 102, 83], snomed("9846003", "Right kidney")],
  "left-kidney": ["Left kidney", [240, 170, 80], snomed("18639004", "Left kidney")],
  stomach: ["Stomach", [216, 132, 200], snomed("69695003", "Stomach")],
  gallbladder: ["Gallbladder", [139, 150, 98], snomed("28231008", "Gallbladder")],
  pancreas: ["Pancreas", [249, 220, 110], snomed("15776009", "Pancreas")],
  aorta: ["Aorta", [224, 60, 50], snomed("7832008", "Abdominal aorta")],
  "inferior-vena-cava": ["Inferior vena cava", [0, 151, 206], snomed("64131007", "Inferior vena cava")],
  vertebrae: ["Vertebrae", [241, 236, 190], snomed("51282000", "Vertebra")],
};

/** Names, colours and codes of the abdominal classes, in the order of the label values. */
export const ABDOMEN_SEGMENTS: readonly SegmentDescription[] = ABDOMEN_CLASSES.map((name, index) => {
  const [label, colorRgb, type] = ENTRIES[name];
  return { number: index + 1, label, colorRgb, category: ANATOMICAL_STRUCTURE, type };
});
