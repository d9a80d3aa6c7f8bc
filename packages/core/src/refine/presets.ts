import { RefineError } from "../errors.ts";
import {
  BOX_ONLY,
  FROZEN_SAM_WARNING,
  networkAlone,
  OURS_PLAN,
  RAW_PLAN,
  SCB_PLAN,
  samAlone,
  TIGHT_BOX,
} from "./base-plans.ts";
import type { CropRule } from "./crop-rule.ts";
import type { ArgMaxRule, RefinementPass, RefinementPlan } from "./plan.ts";
import { DEFAULT_PROPAGATION_STOP } from "./volume-rule.ts";

/** What the FixMatch variant calls a confidence of 0.95 (methods 3.6); UniMatch tests the largest probability itself. */
const FIXMATCH_GATE = { kind: "min-max-ratio", minimum: 0.95 } as const;
const UNIMATCH_GATE = { kind: "maximum-probability", minimum: 0.95 } as const;

function samMatch(
  id: string,
  dataset: string,
  marginPixels: number,
  gate: NonNullable<ArgMaxRule["gate"]> = FIXMATCH_GATE,
): RefinementPlan {
  return {
    ...samAlone(
      id,
      `SAM-Match on ${dataset}: the largest box of a class grown by ${marginPixels} px. Meant for a 256 x 256 grid and a SAM fine-tuned on boxes. ${FROZEN_SAM_WARNING}`,
      [{ box: { marginPixels, marginFraction: 0, edges: "exclusive" }, maskInput: "none", maskScale: 1 }],
    ),
    binarise: { kind: "arg-max", gate },
    cleanUp: [{ kind: "component", keep: "largest-box", minimumArea: 0 }],
    fusion: "arg-max-zero-background",
    quality: "agreement",
  };
}

const SAMATCH_ACDC: RefinementPlan = samMatch("samatch-fix-acdc", "ACDC with FixMatch", 10);

function msd(id: string, note: string, pass: Partial<RefinementPass>): RefinementPlan {
  return {
    ...samAlone(id, `Annotation of CT slices by SAM: ${note}. ${FROZEN_SAM_WARNING}`, [
      { maskInput: "none", maskScale: 1, ...pass },
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

const msdPointPairs = (count: number): RefinementPlan =>
  msd(
    `msd-posneg-${count}`,
    `${count} random foreground point${count === 1 ? "" : "s"} and as many in the background nearby`,
    { foreground: "random", foregroundCount: count, background: "random", backgroundCount: count },
  );

/**
 * Ten clicks, each corrected by the next with SAM's last logits; the threshold of 0.5 on logits is the reference's
 * (methods 2.3). One plane instead of a 128³ patch: SAM-Med3D is not among the models here.
 */
const SEMISAM: RefinementPlan = {
  ...samAlone("semisam-paper", `SemiSAM's ten clicks, slice by slice. ${FROZEN_SAM_WARNING}`, [
    { errorClicks: "newest", maskInput: "zeros", maskScale: 1 },
    { errorClicks: "newest", repeat: 9, maskInput: "previous-pass", maskScale: 1 },
  ]),
  logitThreshold: 0.5,
  quality: "agreement",
};

/** The walker has seeds only where the eroded masks leave room between them (methods 1.7). */
const RANDOM_WALKER: RefinementPlan = {
  ...networkAlone(
    "scb-rw",
    "The intensity baseline of SAM Carries the Burden: a random walker between the eroded classes and the eroded background. Needs no SAM.",
    [
      { kind: "component", keep: "highest-probability", minimumArea: 0 },
      { kind: "random-walker", sigma: 10, foregroundErosion: 4, backgroundErosion: 12 },
    ],
  ),
};

/** Boxes travel from slice to slice, 5 px of SAM's frame larger each time (methods 7). */
const PROPAGATE_MEDSAM: RefinementPlan = {
  ...samAlone(
    "propagate-medsam",
    `MedSAM's way through a volume: the network marks one slice per class, boxes travel from slice to slice, with stop rules. ${FROZEN_SAM_WARNING}`,
    [{ box: { marginPixels: 5, marginFraction: 0, pixelFrame: "sam" }, maskInput: "none", maskScale: 1 }],
  ),
  quality: "predicted-iou-as-dice",
  volume: { mode: "propagate", from: "key-slice", stop: DEFAULT_PROPAGATION_STOP },
};

/** Half an object's length around it, and never less than SAM's frame enlarges eightfold. */
const CROP_AROUND_OBJECT: CropRule = { kind: "crop", around: "object", marginFraction: 0.25, minimumSide: 128 };

const PRESETS: readonly RefinementPlan[] = [
  RAW_PLAN,
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
  OURS_PLAN,
  {
    ...OURS_PLAN,
    id: "ours-largest",
    note: "As ours, for classes that are one object: only the largest component of each is prompted and kept.",
    cleanUp: [{ kind: "component", keep: "largest", minimumArea: 16 }],
  },
  {
    ...OURS_PLAN,
    id: "ours-components",
    note: "As ours, for classes of several objects such as teeth: SAM is asked about every component by itself.",
    target: "component",
  },
  {
    ...OURS_PLAN,
    id: "ours-box",
    note: "As ours, by a box alone: for rings and blobs, whose middle says little. Where SAM agrees with the network by less than 0.7, the network's own mask stays.",
    passes: [{ box: { marginPixels: 0, marginFraction: 0.05 }, maskInput: "none", maskScale: 1 }],
    minimumAgreement: 0.7,
    fallback: "raw",
  },
  {
    ...OURS_PLAN,
    id: "ours-zoomed",
    note: "As ours, for classes that are small in the image: SAM is shown a crop around each. One encoding per class instead of one per image.",
    encode: CROP_AROUND_OBJECT,
  },
  {
    ...OURS_PLAN,
    id: "ours-components-zoomed",
    note: "As ours-components, with a crop around every component. One encoding per component instead of one per image.",
    target: "component",
    encode: CROP_AROUND_OBJECT,
  },
  SCB_PLAN,
  {
    ...SCB_PLAN,
    id: "scb-asDescribed",
    note: `SAM Carries the Burden as its text describes it: dilation by a square of 8 before prompting. ${FROZEN_SAM_WARNING}`,
    cleanUp: [...SCB_PLAN.cleanUp, { kind: "morphology", operation: "dilate", element: "square", radius: 8 }],
  },
  {
    ...SCB_PLAN,
    id: "scb-medsamBox",
    note: "The MedSAM comparison of SAM Carries the Burden: box pass only. Meant for MedSAM.",
    passes: [BOX_ONLY],
  },
  {
    ...samAlone(
      "scb-agreement",
      "The agreement test of SAM Carries the Burden: the network's mask stays, SAM only scores it. Masks of 0.85 and more are accepted, every class by itself; the reference accepts images by the mean of their classes.",
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
    accept: { minimumQuality: 0.85 },
  },
  RANDOM_WALKER,
  {
    ...RANDOM_WALKER,
    id: "scb-rw-asRun",
    note: "The same with the tuned values of SAM Carries the Burden. They leave no pixel without a seed, so that only component selection remains.",
    cleanUp: [
      { kind: "component", keep: "highest-probability", minimumArea: 0 },
      { kind: "random-walker", sigma: 19.86974677799124, foregroundErosion: 0, backgroundErosion: 1 },
    ],
  },
  SEMISAM,
  SAMATCH_ACDC,
  {
    ...SAMATCH_ACDC,
    id: "samatch-asRun",
    note: `${SAMATCH_ACDC.note} Classes are fused as its code does: the background's logit is 1 minus the mean of theirs.`,
    fusion: "arg-max-mean-background",
  },
  samMatch("samatch-uni-acdc", "ACDC with UniMatch", 5, UNIMATCH_GATE),
  samMatch("samatch-busi", "BUSI", 30),
  samMatch("samatch-mrliver", "MR liver", 30),
  msd("msd-box", "one tight box per class", { box: TIGHT_BOX }),
  { ...msd("msd-boxPerComponent", "one tight box per component", { box: TIGHT_BOX }), target: "component" },
  msd("msd-centre", "the middle of the thickest part", { foreground: "distance-transform-maximum" }),
  msd("msd-boxCentre", "box and middle of the thickest part", {
    box: TIGHT_BOX,
    foreground: "distance-transform-maximum",
  }),
  {
    ...msd("msd-boxJitter", "a box with every side moved outwards by up to 20 of SAM's 1024 px", {
      box: { ...TIGHT_BOX, jitterPixels: 20, pixelFrame: "sam" },
    }),
  },
  msd("msd-boxMargin", "a box with every side 20 of SAM's 1024 px further out", {
    box: { ...TIGHT_BOX, marginPixels: 20, pixelFrame: "sam" },
  }),
  msd("msd-mask", "the mask itself as a mask prompt, without point and box", { maskInput: "from-mask" }),
  ...[1, 3, 5, 10].map(msdPoints),
  ...[1, 3, 5, 10].map(msdPointPairs),
  PROPAGATE_MEDSAM,
  {
    ...PROPAGATE_MEDSAM,
    id: "propagate-sam2",
    note: `As propagate-medsam, for models from SAM 2 on: they have no single-mask token, and stop it where they say that the object is gone. ${FROZEN_SAM_WARNING}`,
    maskChoice: "auto",
  },
  {
    ...OURS_PLAN,
    id: "ours-propagate",
    note: "As ours, for volumes: where the network sees nothing, the neighbouring slice's mask is the proposal; a median over three slices.",
    volume: { mode: "propagate", from: "every-slice", stop: DEFAULT_PROPAGATION_STOP, medianOverSlices: true },
  },
  {
    ...OURS_PLAN,
    id: "ours-three-planes",
    note: "As ours, for volumes with nearly cubic voxels: along all three axes, the mean decides. Asks SAM about three times as many slices.",
    volume: { mode: "three-planes" },
  },
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
