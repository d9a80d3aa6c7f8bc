import { RefineError } from "../errors.ts";
import type { Prompt } from "../prompt/prompt.ts";
import type { MaskChoice, PromptableSegmenter, PromptCapabilities } from "../segmenter.ts";
import type { RefinementPlan } from "./plan.ts";

type Capability = keyof PromptCapabilities;

/** What a plan asks of the promptable model (methods: two-stage capability matrix), with the reason for each. */
export function requiredCapabilities(plan: RefinementPlan): ReadonlyMap<Capability, string> {
  const required = new Map<Capability, string>();
  const require = ({ passes, maskChoice }: Pick<RefinementPlan, "passes" | "maskChoice">, prefix: string): void => {
    for (const [index, pass] of passes.entries()) {
      if (pass.box !== undefined) required.set("box", `${prefix}passes[${index}].box`);
      if (pass.background !== undefined) required.set("backgroundPoints", `${prefix}passes[${index}].background`);
      if (pass.errorClicks !== undefined) required.set("backgroundPoints", `${prefix}passes[${index}].errorClicks`);
      if (pass.maskInput !== "none") required.set("maskInput", `${prefix}passes[${index}].maskInput`);
    }
    if (passes.length > 0 && (maskChoice === "token0" || maskChoice === "agreement")) {
      required.set("singleMaskToken", `${prefix}maskChoice`);
    }
  };
  require(plan, "");
  for (const [index, { passes = plan.passes, maskChoice = plan.maskChoice }] of (plan.exceptions ?? []).entries()) {
    require({ passes, maskChoice }, `exceptions[${index}].`);
  }
  return required;
}

/** @throws RefineError `missing-capability` naming the first capability that the model lacks and where the plan needs it. */
export function requireCapabilities(plan: RefinementPlan, segmenter: PromptableSegmenter): void {
  for (const [capability, place] of requiredCapabilities(plan)) {
    if (!segmenter.capabilities[capability]) throw missing(segmenter, capability, `plan ${plan.id}, ${place}`);
  }
}

/** The same for a prompt made by hand. @throws RefineError `missing-capability`. */
export function requirePromptCapabilities(
  prompt: Prompt,
  maskChoice: MaskChoice | undefined,
  segmenter: PromptableSegmenter,
): void {
  const needed: readonly (readonly [Capability, boolean])[] = [
    ["box", prompt.box !== undefined],
    ["backgroundPoints", prompt.points?.some(({ label }) => label === "background") ?? false],
    ["maskInput", prompt.maskInput !== undefined],
    ["singleMaskToken", maskChoice === "token0"],
  ];
  for (const [capability, isNeeded] of needed) {
    if (isNeeded && !segmenter.capabilities[capability]) throw missing(segmenter, capability, "the prompt");
  }
}

const NAMES: Readonly<Record<Capability, string>> = {
  box: "box prompts",
  backgroundPoints: "background points",
  maskInput: "mask prompts",
  singleMaskToken: "the single-mask token",
  batch: "batches of prompts",
};

function missing(segmenter: PromptableSegmenter, capability: Capability, place: string): RefineError {
  return new RefineError(
    "missing-capability",
    `${segmenter.modelId} does not understand ${NAMES[capability]}, which ${place} needs.`,
    {
      hint:
        capability === "singleMaskToken"
          ? `Give the plan the maskChoice "auto", or choose another model.`
          : "Choose another model or another plan.",
      details: { capability, modelId: segmenter.modelId, place },
    },
  );
}
