import { presetPlan, type RefinementPlan, type RingPair } from "@samrefine/core";

const flipped = (id: string, note: string): RefinementPlan => ({
  ...presetPlan(id),
  id: `${id}-flipped`,
  note,
  testTimeAugmentation: "horizontal-flip",
});

/** Where classes are told apart by side a mirror image does harm, and this does not. */
const augmented = (id: string, note: string): RefinementPlan => ({
  ...presetPlan(id),
  id: `${id}-augmented`,
  note: `${note}, averaged over slightly turned, smaller, larger, brighter and darker copies of the image.`,
  testTimeAugmentation: "small-changes",
});

const WITHOUT_SAM: readonly RefinementPlan[] = [
  ...["raw", "cleanup", "cleanup-all", "cleanup-solid"].map(presetPlan),
  flipped("raw", "The network's own masks, averaged over the image and its mirror image."),
  augmented("raw", "The network's own masks"),
  augmented("cleanup", "As cleanup, with the network's opinion"),
];

/** The other plans drop components under 16 px of the network's grid, where a carpal bone may be no larger. */
const OURS_SMALL: RefinementPlan = {
  ...presetPlan("ours-components"),
  id: "ours-small",
  note: "As ours-components, for structures that are small on the network's grid: only single pixels are dropped.",
  cleanUp: [{ kind: "component", keep: "all", minimumArea: 2 }],
};

const LARGEST_AUGMENTED = augmented("ours-largest", "As ours-largest, with the network's opinion");

const TWICE: RefinementPlan = {
  ...LARGEST_AUGMENTED,
  id: "ours-largest-twice",
  note: "As ours-largest-augmented; then SAM is asked once more, with its own first answer as the mask prompt.",
  passes: LARGEST_AUGMENTED.passes.flatMap((pass) => [pass, { ...pass, maskInput: "previous-pass" as const }]),
};

const WITH_SAM: readonly RefinementPlan[] = [
  ...["ours", "ours-largest", "ours-components", "ours-box"].map(presetPlan),
  OURS_SMALL,
  flipped("ours", "As ours, with the network's opinion averaged over the image and its mirror image."),
  augmented("ours", "As ours, with the network's opinion"),
  LARGEST_AUGMENTED,
  TWICE,
];

/**
 * The plans that a trial compares by default, cheapest first: the network alone, its clean-ups, its opinion averaged over a
 * mirror image or over small changes of the image, SAM with the network's logits as mask prompt, and SAM with a box alone. Short on purpose: few
 * labelled cases mislead a large search. A mirror image does harm where classes are told apart by side; the trial shows it.
 *
 * @param rings classes that surround another, see {@link findRings}; adds an arm that asks SAM for the filled shape and cuts
 *   the inner class out.
 */
export function trialMenu(rings: readonly RingPair[] = []): readonly RefinementPlan[] {
  if (rings.length === 0) return [...WITHOUT_SAM, ...WITH_SAM];
  const nested: RefinementPlan = {
    ...presetPlan("ours-box"),
    id: "ours-rings",
    note: "Rings are asked about together with what they surround, by a box alone, and the inner class is cut out.",
    rings,
  };
  return [...WITHOUT_SAM, ...WITH_SAM, nested];
}
