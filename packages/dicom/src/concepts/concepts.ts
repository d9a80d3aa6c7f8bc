import type { CodedConcept } from "@samrefine/core";
import { CATEGORY_OF_GROUP, CONCEPT_ROWS, type ConceptGroup, LEFT, RIGHT, TISSUE } from "./concept-data.ts";

/** A concept that a segment can be, with what goes with it. */
export interface Concept {
  readonly type: CodedConcept;
  readonly category: CodedConcept;
  readonly group: ConceptGroup;
  /** Suggested display colour, 0..255. */
  readonly colorRgb: readonly [red: number, green: number, blue: number];
  readonly synonyms: readonly string[];
}

export interface ConceptSuggestion extends Concept {
  /** Laterality found in the label. */
  readonly modifiers: readonly CodedConcept[];
  /** Where an abnormality lies, when the label says so: "liver tumour" is a neoplasm in the liver. */
  readonly anatomicRegion: CodedConcept | undefined;
  /** false: nothing in the dictionary fits, and the generic "Tissue" is offered. */
  readonly isCertain: boolean;
}

export const CONCEPTS: readonly Concept[] = CONCEPT_ROWS.map(([value, meaning, group, colorRgb, synonyms = []]) => ({
  type: { value, scheme: "SCT", meaning },
  category: CATEGORY_OF_GROUP[group],
  group,
  colorRgb,
  synonyms,
}));

// Bones that DICOM's context groups do not list by name; the nearest listed structure stands for them.
const WIDER: Readonly<Record<string, string>> = {
  lunate: "Bone",
  triquetrum: "Bone",
  triquetral: "Bone",
  pisiform: "Bone",
  trapezium: "Bone",
  trapezoid: "Bone",
  capitate: "Bone",
  hamate: "Bone",
  phalanx: "Bone",
  phalanges: "Bone",
  "proximal phalanx": "Bone",
  "middle phalanx": "Bone",
  "distal phalanx": "Bone",
  osteophyte: "Bone",
  "anterior hippocampus": "Hippocampus",
  "posterior hippocampus": "Hippocampus",
};

/** Lower case words, without punctuation and numbers, so that "Kidney_left-2" and "left kidney" meet. */
function wordsOf(text: string): readonly string[] {
  return text
    .normalize("NFKD")
    .toLowerCase()
    .split(/[^\p{L}]+/u)
    .filter((word) => word !== "");
}

function singular(word: string): string {
  if (word.endsWith("vertebrae")) return "vertebra";
  return word.length > 4 && word.endsWith("s") && !/(ss|us|is)$/.test(word) ? word.slice(0, -1) : word;
}

const SIDES: Readonly<Record<string, CodedConcept>> = { left: LEFT, right: RIGHT, l: LEFT, r: RIGHT };

interface IndexEntry {
  readonly concept: Concept;
  readonly words: readonly string[];
}

const NAMES: readonly IndexEntry[] = [
  ...CONCEPTS.flatMap((concept) =>
    [concept.type.meaning, ...concept.synonyms].map((name) => ({ concept, words: wordsOf(name).map(singular) })),
  ),
  ...Object.entries(WIDER).flatMap(([name, meaning]) => {
    const concept = CONCEPTS.find(({ type }) => type.meaning === meaning);
    return concept === undefined ? [] : [{ concept, words: wordsOf(name).map(singular) }];
  }),
];

/**
 * The concept that a segment's label most probably means. A side in the label becomes a modifier ("right lung" is Lung,
 * Right) unless it belongs to the concept's own name ("left ventricle"). A suggestion, to be shown and edited.
 */
export function suggestConcept(label: string): ConceptSuggestion {
  const words = wordsOf(label).map(singular);
  const has = new Set(words);
  const fitting = NAMES.filter((entry) => entry.words.every((word) => has.has(word)));
  const longest = (entries: readonly IndexEntry[]): IndexEntry | undefined =>
    entries.reduce<IndexEntry | undefined>(
      (best, e) => (e.words.length > (best?.words.length ?? 0) ? e : best),
      undefined,
    );
  const abnormality = longest(fitting.filter(({ concept }) => concept.group === "altered"));
  const anatomy = longest(fitting.filter(({ concept }) => concept.group !== "altered"));
  const best = abnormality ?? anatomy;
  const concept = best?.concept ?? CONCEPTS.find(({ type }) => type.value === TISSUE.value)!;
  const named = new Set([...(abnormality?.words ?? []), ...(anatomy?.words ?? [])]);
  const side = words.find((word) => SIDES[word] !== undefined && !named.has(word));
  return {
    ...concept,
    modifiers: side === undefined ? [] : [SIDES[side]!],
    anatomicRegion: abnormality === undefined ? undefined : anatomy?.concept.type,
    isCertain: best !== undefined,
  };
}

/**
 * The side that a label adds to its coded type, as modifiers: "Left kidney" coded as Kidney is Kidney, Left. Empty when the label
 * names no side, or something else than the type.
 */
export function lateralityOf(label: string, type: CodedConcept): readonly CodedConcept[] {
  const suggestion = suggestConcept(label);
  const isOfType = suggestion.type.value === type.value && suggestion.type.scheme === type.scheme;
  return isOfType ? suggestion.modifiers : [];
}

/** Concepts whose name or synonym holds every word of the query as a beginning, best first. An empty query lists all. */
export function searchConcepts(query: string, limit = 20): readonly Concept[] {
  const wanted = wordsOf(query);
  if (wanted.length === 0) return CONCEPTS.slice(0, limit);
  const found = new Map<Concept, number>();
  for (const { concept, words } of NAMES) {
    if (!wanted.every((part) => words.some((word) => word.startsWith(singular(part)) || word.startsWith(part))))
      continue;
    // Fewer words beyond the query, then names before synonyms by their place in the list.
    found.set(concept, Math.min(found.get(concept) ?? Number.POSITIVE_INFINITY, words.length));
  }
  return [...found]
    .sort(([, a], [, b]) => a - b)
    .slice(0, limit)
    .map(([concept]) => concept);
}
