import type { CodedConcept, SegmentDescription } from "@samrefine/core";
import { ANATOMICAL_STRUCTURE, snomed } from "../concepts.ts";
import { HAND_CLASSES, type HandClass } from "./bone.ts";

// Where the scheme's code for one bone is not in DICOM's own lists the code of its group stands; labels tell them apart.
const CARPUS = snomed("8205005", "Carpus");
const METACARPAL = snomed("36455000", "Metacarpus");
const BONE = snomed("272673000", "Bone");

type Entry = readonly [label: string, color: readonly [number, number, number], type: CodedConcept];

const ENTRIES: Readonly<Record<HandClass, Entry>> = {
  radius: ["Radius", [230, 25, 75], snomed("62413002", "Radius")],
  ulna: ["Ulna", [0, 130, 200], snomed("23416004", "Ulna")],
  scaphoid: ["Scaphoid", [60, 180, 75], snomed("30518006", "Scaphoid")],
  lunate: ["Lunate", [255, 225, 25], CARPUS],
  triquetrum: ["Triquetrum", [245, 130, 48], CARPUS],
  pisiform: ["Pisiform", [145, 30, 180], CARPUS],
  trapezium: ["Trapezium", [70, 240, 240], CARPUS],
  trapezoid: ["Trapezoid", [240, 50, 230], CARPUS],
  capitate: ["Capitate", [0, 128, 128], CARPUS],
  hamate: ["Hamate", [210, 245, 60], CARPUS],
  "metacarpal-1": ["Metacarpal I", [250, 190, 212], METACARPAL],
  "metacarpal-2": ["Metacarpal II", [170, 110, 40], METACARPAL],
  "metacarpal-3": ["Metacarpal III", [220, 190, 255], METACARPAL],
  "metacarpal-4": ["Metacarpal IV", [255, 215, 180], METACARPAL],
  "metacarpal-5": ["Metacarpal V", [170, 255, 195], METACARPAL],
  "proximal-phalanges": ["Proximal phalanges", [128, 128, 0], BONE],
  "middle-phalanges": ["Middle phalanges", [67, 99, 216], BONE],
  "distal-phalanges": ["Distal phalanges", [255, 99, 99], BONE],
};

/** Names, colours and codes of the hand's classes, in the order of the segment numbers. */
export const HAND_SEGMENTS: readonly SegmentDescription[] = HAND_CLASSES.map((name, index) => {
  const [label, colorRgb, type] = ENTRIES[name];
  return { number: index + 1, label, colorRgb, category: ANATOMICAL_STRUCTURE, type };
});
