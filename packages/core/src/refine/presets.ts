import { RefineError } from "../errors.ts";
import type { BoxRule } from "../prompt/box.ts";
import type { RefinementPass, RefinementPlan } from "./plan.ts";

const FROZEN_SAM_WARNING =
  "With a small frozen SAM this prompting lowered Dice in our own trials; use it to reproduce, not to annotate.";

/** SAM alone, everything accepted: what the reference methods do. */
function samAlone(id: string, note: string, passes: readonly RefinementPass[]): RefinementPlan {
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

function networkAlone(id: string, note: string, cleanUp: RefinementPlan["cleanUp"]): RefinementPlan {
  return { ...samAlone(id, note, []), cleanUp };
}

const TIGHT_BOX: BoxRule = { marginPixels: 0, marginFraction: 0 };
const BOX_ONLY: RefinementPass = { box: TIGHT_BOX, maskInput: "none", maskScale: 1 };

/** Box, then centroid and the other classes' centroids with the first pass's logits as mask prompt. */
const SCB: RefinementPlan = {
  ...samAlone("scb-asRun", `SAM Carries the Burden as its code ran: no morphology. ${FROZEN_SAM_WARNING}`, [
    BOX_ONLY,
    { foreground: "centroid", background: "other-classes", maskInput: "previous-pass", maskScale: 1 },
  ]),
  cleanUp: [{ kind: "component", keep: "highest-probability", minimumArea: 0 }],
  quality: "predicted-iou-as-dice",
};

function samMatch(id: string, dataset: string, marginPixels: number): RefinementPlan {
  return {
    ...samAlone(
      id,
      `SAM-Match on ${dataset}: the largest box of a class grown by ${marginPixels} px. Meant for a 256 x 256 grid and a SAM fine-tuned on boxes. ${FROZEN_SAM_WARNING}`,
      [{ box: { marginPixels, marginFraction: 0, edges: "exclusive" }, maskInput: "none", maskScale: 1 }],
    ),
    cleanUp: [{ kind: "component", keep: "largest-box", minimumArea: 0 }],
    fusion: "arg-max-zero-background",
    quality: "agreement",
  };
}

function msd(id: string, note: string, pass: Omit<RefinementPass, "maskInput" | "maskScale">): RefinementPlan {
  return {
    ...samAlone(id, `Annotation of CT slices by SAM: ${note}. ${FROZEN_SAM_WARNING}`, [
      { ...pass, maskInput: "none", maskScale: 1 },
    ]),
    maskChoice: "auto",
    quality: "predicted-iou-as-dice",
  };
}

const msdPoints = (count: number): RefinementPlan =>
  msd(`msd-points-${count}`, `${count} random foreground point${count === 1 ? "" : "s"}`, {
    foreground: "random",
    foregroundCount: count,
  });

const OURS: RefinementPlan = {
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
  samWeight: 0.7,
  minimumAgreement: 0.8,
  quality: "soft-dice",
};

const PRESETS: readonly RefinementPlan[] = [
  networkAlone("raw", "The network's own masks, untouched.", []),
  networkAlone("cleanup", "The largest component of every class. For classes that are one object.", [
    { kind: "component", keep: "largest", minimumArea: 16 },
  ]),
  networkAlone("cleanup-all", "Drops specks under 16 px only. For classes of several objects.", [
    { kind: "component", keep: "all", minimumArea: 16 },
  ]),
  networkAlone(
    "cleanup-solid",
    "The largest component with its holes filled. Never for rings such as the myocardium.",
    [{ kind: "component", keep: "largest", minimumArea: 16 }, { kind: "fill-holes" }],
  ),
  OURS,
  {
    ...OURS,
    id: "ours-largest",
    note: "As ours, for classes that are one object: only the largest component of each is prompted and kept.",
    cleanUp: [{ kind: "component", keep: "largest", minimumArea: 16 }],
  },
  {
    ...OURS,
    id: "ours-components",
    note: "As ours, for classes of several objects such as teeth: SAM is asked about every component by itself.",
    target: "component",
  },
  SCB,
  {
    ...SCB,
    id: "scb-asDescribed",
    note: `SAM Carries the Burden as its text describes it: dilation by a square of 8 before prompting. ${FROZEN_SAM_WARNING}`,
    cleanUp: [...SCB.cleanUp, { kind: "morphology", operation: "dilate", element: "square", radius: 8 }],
  },
  {
    ...SCB,
    id: "scb-medsamBox",
    note: "The MedSAM comparison of SAM Carries the Burden: box pass only. Meant for MedSAM.",
    passes: [BOX_ONLY],
  },
  {
    ...samAlone(
      "scb-agreement",
      "The agreement test of SAM Carries the Burden: the network's mask stays, SAM only scores it. Accept images of 0.85 and more.",
      [
        {
          foreground: "arg-max-probability",
          background: "arg-min-probability",
          maskInput: "from-mask",
          maskScale: 1,
        },
      ],
    ),
    samWeight: 0,
    quality: "agreement",
  },
  samMatch("samatch-fix-acdc", "ACDC with FixMatch", 10),
  samMatch("samatch-uni-acdc", "ACDC with UniMatch", 5),
  samMatch("samatch-busi", "BUSI", 30),
  samMatch("samatch-mrliver", "MR liver", 30),
  msd("msd-box", "one tight box per class", { box: TIGHT_BOX }),
  { ...msd("msd-boxPerComponent", "one tight box per component", { box: TIGHT_BOX }), target: "component" },
  msd("msd-centre", "the middle of the thickest part", { foreground: "distance-transform-maximum" }),
  msd("msd-boxCentre", "box and middle of the thickest part", {
    box: TIGHT_BOX,
    foreground: "distance-transform-maximum",
  }),
  msdPoints(1),
  msdPoints(3),
  msdPoints(5),
  msdPoints(10),
];

/** Every named plan by its id, in the order a menu shows them. */
export const refinementPresets: ReadonlyMap<string, RefinementPlan> = new Map(PRESETS.map((plan) => [plan.id, plan]));

/** @throws RefineError `invalid-plan` listing the names that exist. */
export function presetPlan(id: string): RefinementPlan {
  const plan = refinementPresets.get(id);
  if (plan !== undefined) return plan;
  throw new RefineError("invalid-plan", `There is no preset ${id}.`, {
    hint: `Presets: ${[...refinementPresets.keys()].join(", ")}.`,
    details: { path: "id", found: id },
  });
}
