// The plans that every user meets, and what the others are made of. Apart from the menu of all presets, so that a bundle
// which offers these few does not carry the texts of all.
import type { BoxRule } from "../prompt/box.ts";
import type { RefinementPass, RefinementPlan } from "./plan.ts";

export const FROZEN_SAM_WARNING =
  "With a small frozen SAM this prompting lowered Dice in our own trials; use it to reproduce, not to annotate.";

/** SAM alone, everything accepted: what the reference methods do. */
export function samAlone(id: string, note: string, passes: readonly RefinementPass[]): RefinementPlan {
  return {
    schema: "samrefine-plan/1",
    id,
    note,
    probabilityThreshold: 0.5,
    cleanUp: [],
    passes,
    maskChoice: "token0",
    samWeight: 1,
    minimumAgreement: 0,
    fallback: "cleaned",
    testTimeAugmentation: "none",
    seed: 42,
  };
}

export function networkAlone(id: string, note: string, cleanUp: RefinementPlan["cleanUp"]): RefinementPlan {
  return { ...samAlone(id, note, []), cleanUp };
}

export const TIGHT_BOX: BoxRule = { marginPixels: 0, marginFraction: 0 };
export const BOX_ONLY: RefinementPass = { box: TIGHT_BOX, maskInput: "none", maskScale: 1 };

/** Box, then centroid and the other classes' centroids with the first pass's logits as mask prompt. */
export const SCB_PLAN: RefinementPlan = {
  ...samAlone("scb-asRun", `SAM Carries the Burden as its code ran: no morphology. ${FROZEN_SAM_WARNING}`, [
    BOX_ONLY,
    { foreground: "centroid", background: "other-classes", maskInput: "previous-pass", maskScale: 1 },
  ]),
  cleanUp: [{ kind: "component", keep: "highest-probability", minimumArea: 0 }],
  quality: "predicted-iou-as-dice",
};

/** The safe default: box, interior point, the other classes' seeds and the network's logits; blended and gated. */
export const OURS_PLAN: RefinementPlan = {
  ...samAlone(
    "ours",
    "Safe default: SAM moves borders where it agrees with the network and is overruled elsewhere. Try it on labelled images before trusting it.",
    [
      {
        foreground: "distance-transform-maximum",
        background: "other-classes",
        box: { marginPixels: 0, marginFraction: 0.05 },
        maskInput: "from-probability",
        maskScale: 1,
      },
    ],
  ),
  cleanUp: [{ kind: "component", keep: "all", minimumArea: 16 }],
  // With these prompts token 0, and the best of three of a model that has no such token, as those from SAM 2 on.
  maskChoice: "auto",
  samWeight: 0.7,
  minimumAgreement: 0.8,
  quality: "soft-dice",
};

export const RAW_PLAN: RefinementPlan = networkAlone("raw", "The network's own masks, untouched.", []);
