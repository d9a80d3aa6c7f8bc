import type { BoxRule } from "../prompt/box.ts";
import { TEST_TIME_AUGMENTATIONS } from "../segmenter.ts";
import type { CropRule } from "./crop-rule.ts";
import type {
  AcceptanceRule,
  ArgMaxRule,
  BinariseRule,
  CleanUpStep,
  PlanException,
  RefinementPass,
  RefinementPlan,
  RingPair,
} from "./plan.ts";
import type { EvidenceInterval, PlanEvidence, PlanEvidenceArm, PlanEvidenceClass } from "./plan-evidence.ts";
import { QUALITY_FEATURES, type QualityModel, type QualityTerm } from "./quality-model.ts";
import { invalidPlan, RecordReader } from "./record-reader.ts";
import type { PropagationStop, VolumeComponentRule, VolumeRule } from "./volume-rule.ts";

/**
 * Checks a value from outside (a file, a form, a message) and returns it as a plan. Unknown keys are refused: a misspelt
 * option must not silently run another method.
 *
 * @throws RefineError `invalid-plan`; `details.path` names the place, e.g. `passes[1].maskScale`.
 */
export function parsePlan(value: unknown): RefinementPlan {
  const plan = new RecordReader(value, "");
  const parsed: RefinementPlan = {
    schema: plan.oneOf("schema", ["samrefine-plan/1"]),
    id: plan.text("id"),
    note: plan.text("note"),
    probabilityThreshold: plan.number("probabilityThreshold", { above: 0, below: 1 }),
    ...plan.optional("binarise", () => parseBinarise(plan.take("binarise"), "binarise")),
    cleanUp: plan.list("cleanUp", parseCleanUpStep),
    ...plan.optional("target", () => plan.oneOf("target", TARGETS)),
    ...plan.optional("rings", () => plan.list("rings", parseRing)),
    ...plan.optional("encode", () => parseCropRule(plan.take("encode"), "encode")),
    passes: plan.list("passes", parsePass),
    ...plan.optional("coordinates", () => plan.oneOf("coordinates", ["index", "pixel-centre"])),
    maskChoice: plan.oneOf("maskChoice", MASK_CHOICES),
    ...plan.optional("logitThreshold", () => plan.number("logitThreshold", {})),
    samWeight: plan.number("samWeight", SHARE),
    minimumAgreement: plan.number("minimumAgreement", SHARE),
    fallback: plan.oneOf("fallback", FALLBACKS),
    ...plan.optional("absent", () => plan.oneOf("absent", ABSENT_RULES)),
    ...plan.optional("fusion", () =>
      plan.oneOf("fusion", ["independent", "arg-max-zero-background", "arg-max-mean-background", "priority"]),
    ),
    ...plan.optional("priority", () => plan.numbers("priority", SEGMENT_NUMBER)),
    ...plan.optional("quality", () => plan.oneOf("quality", QUALITY_METHODS)),
    ...plan.optional("qualityModel", () => parseQualityModel(plan.take("qualityModel"), "qualityModel")),
    ...plan.optional("flagBelow", () => plan.number("flagBelow", SHARE)),
    ...plan.optional("accept", () => parseAcceptance(plan.take("accept"), "accept")),
    ...plan.optional("exceptions", () => plan.list("exceptions", parseException)),
    ...plan.optional("volume", () => parseVolumeRule(plan.take("volume"), "volume")),
    testTimeAugmentation: plan.oneOf("testTimeAugmentation", TEST_TIME_AUGMENTATIONS),
    seed: plan.number("seed", { minimum: 0, whole: true }),
    ...plan.optional("evidence", () => parseEvidence(plan.take("evidence"), "evidence")),
  };
  plan.refuseOthers();
  refuseMeaninglessPasses(parsed.passes, "");
  refuseMeaninglessExceptions(parsed);
  if (parsed.priority !== undefined && parsed.fusion !== "priority") {
    throw invalidPlan("priority", parsed.priority, `nothing unless fusion is "priority"`);
  }
  if (parsed.volume?.mode === "propagate" && parsed.passes.length === 0) {
    throw invalidPlan("volume.mode", "propagate", "a plan with passes, because without SAM nothing follows the image");
  }
  if (parsed.volume?.mode === "propagate" && parsed.volume.meet !== undefined && parsed.volume.from === "key-slice") {
    throw invalidPlan("volume.meet", parsed.volume.meet, `nothing unless volume.from is "every-slice"`);
  }
  if (parsed.encode !== undefined && parsed.passes.length === 0) {
    throw invalidPlan("encode", parsed.encode, "nothing, because the plan has no passes");
  }
  if (parsed.quality === "calibrated" && parsed.qualityModel === undefined) {
    throw invalidPlan("qualityModel", undefined, `a fitted model, because quality is "calibrated"`);
  }
  return parsed;
}

const SEGMENT_NUMBER = { minimum: 1, maximum: 65535, whole: true };
const SHARE = { minimum: 0, maximum: 1 };
const SIGNED_SHARE = { minimum: -1, maximum: 1 };
const TARGETS = ["class", "component"] as const;
const MASK_CHOICES = ["token0", "bestOf3", "auto", "agreement"] as const;
const FALLBACKS = ["cleaned", "raw"] as const;
const ABSENT_RULES = ["empty", "raw"] as const;

const QUALITY_METHODS = [
  "soft-dice",
  "predicted-iou-as-dice",
  "agreement",
  "stability",
  "prompt-jitter",
  "click-variance",
  "augmentation-agreement",
  "calibrated",
] as const;

function parseBinarise(value: unknown, path: string): BinariseRule {
  const rule = new RecordReader(value, path);
  const kind = rule.oneOf("kind", ["threshold", "arg-max"]);
  const parsed: BinariseRule =
    kind === "threshold"
      ? { kind }
      : { kind, ...rule.optional("gate", () => parseGate(rule.take("gate"), `${path}.gate`)) };
  rule.refuseOthers();
  return parsed;
}

function parseGate(value: unknown, path: string): NonNullable<ArgMaxRule["gate"]> {
  const gate = new RecordReader(value, path);
  const parsed = {
    kind: gate.oneOf("kind", ["maximum-probability", "min-max-ratio"]),
    minimum: gate.number("minimum", SHARE),
  };
  gate.refuseOthers();
  return parsed;
}

function parseAcceptance(value: unknown, path: string): AcceptanceRule {
  const rule = new RecordReader(value, path);
  const parsed: AcceptanceRule = {
    ...rule.optional("minimumQuality", () => rule.number("minimumQuality", SHARE)),
    ...rule.optional("minimumAgreement", () => rule.number("minimumAgreement", SHARE)),
    ...rule.optional("minimumAreaRatio", () => rule.number("minimumAreaRatio", { minimum: 0 })),
    ...rule.optional("maximumAreaRatio", () => rule.number("maximumAreaRatio", { above: 0 })),
    ...rule.optional("minimumContainment", () => rule.number("minimumContainment", SHARE)),
    ...rule.optional("minimumPixelConfidence", () =>
      rule.number("minimumPixelConfidence", { minimum: 0.5, maximum: 1 }),
    ),
  };
  rule.refuseOthers();
  return parsed;
}

function parseQualityModel(value: unknown, path: string): QualityModel {
  const model = new RecordReader(value, path);
  const parsed: QualityModel = {
    id: model.text("id"),
    intercept: model.number("intercept", {}),
    terms: model.list("terms", (item, place): QualityTerm => {
      const term = new RecordReader(item, place);
      const found: QualityTerm = {
        feature: term.oneOf("feature", QUALITY_FEATURES),
        mean: term.number("mean", {}),
        deviation: term.number("deviation", { above: 0 }),
        weight: term.number("weight", {}),
      };
      term.refuseOthers();
      return found;
    }),
  };
  model.refuseOthers();
  return parsed;
}

function parseVolumeRule(value: unknown, path: string): VolumeRule {
  const rule = new RecordReader(value, path);
  const mode = rule.oneOf("mode", ["slice-wise", "propagate", "three-planes"]);
  const median = (): { readonly medianOverSlices?: true } =>
    rule.take("medianOverSlices") === undefined ? {} : { medianOverSlices: rule.only("medianOverSlices", true) };
  const component = rule.optional("component", () => parseVolumeComponent(rule.take("component"), `${path}.component`));
  const parsed: VolumeRule =
    mode === "three-planes"
      ? { mode, ...component }
      : mode === "slice-wise"
        ? { mode, ...median(), ...component }
        : {
            mode,
            from: rule.oneOf("from", ["key-slice", "every-slice"]),
            stop: parseStop(rule.take("stop"), `${path}.stop`),
            ...rule.optional("meet", () => rule.oneOf("meet", ["higher-predicted-iou", "agreement"])),
            ...median(),
            ...component,
          };
  rule.refuseOthers();
  return parsed;
}

function parseVolumeComponent(value: unknown, path: string): VolumeComponentRule {
  const rule = new RecordReader(value, path);
  const parsed: VolumeComponentRule = {
    keep: rule.oneOf("keep", ["largest", "all"]),
    minimumVoxels: rule.number("minimumVoxels", { minimum: 0 }),
    ...rule.optional("connectivity", () => rule.oneOf("connectivity", [6, 18, 26])),
  };
  rule.refuseOthers();
  return parsed;
}

function parseStop(value: unknown, path: string): PropagationStop {
  const stop = new RecordReader(value, path);
  const parsed: PropagationStop = {
    minimumArea: stop.number("minimumArea", { minimum: 0 }),
    minimumPredictedIou: stop.number("minimumPredictedIou", { minimum: 0, maximum: 1 }),
    ...stop.optional("minimumObjectScore", () => stop.number("minimumObjectScore", {})),
    minimumNeighbourDice: stop.number("minimumNeighbourDice", { minimum: 0, maximum: 1 }),
    maximumCentroidShift: stop.number("maximumCentroidShift", { minimum: 0 }),
  };
  stop.refuseOthers();
  return parsed;
}

function parseCleanUpStep(value: unknown, path: string): CleanUpStep {
  const step = new RecordReader(value, path);
  const kind = step.oneOf("kind", ["component", "morphology", "fill-holes", "random-walker"]);
  const parsed = parseStepOfKind(kind, step);
  step.refuseOthers();
  return parsed;
}

function parseStepOfKind(kind: CleanUpStep["kind"], step: RecordReader): CleanUpStep {
  const radius = { minimum: 0, maximum: 256, whole: true };
  switch (kind) {
    case "fill-holes":
      return { kind };
    case "component":
      return {
        kind,
        keep: step.oneOf("keep", ["largest", "highest-probability", "largest-box", "all"]),
        minimumArea: step.number("minimumArea", { minimum: 0 }),
        ...step.optional("connectivity", () => step.oneOf("connectivity", [4, 8])),
      };
    case "morphology":
      return {
        kind,
        operation: step.oneOf("operation", ["erode", "dilate", "open", "close"]),
        element: step.oneOf("element", ["square", "disk", "diamond", "star"]),
        radius: step.number("radius", radius),
      };
    case "random-walker":
      return {
        kind,
        sigma: step.number("sigma", { above: 0 }),
        foregroundErosion: step.number("foregroundErosion", radius),
        backgroundErosion: step.number("backgroundErosion", radius),
      };
  }
}

function parseException(value: unknown, path: string): PlanException {
  const exception = new RecordReader(value, path);
  const parsed: PlanException = {
    segments: exception.numbers("segments", SEGMENT_NUMBER),
    ...exception.optional("cleanUp", () => exception.list("cleanUp", parseCleanUpStep)),
    ...exception.optional("target", () => exception.oneOf("target", TARGETS)),
    ...exception.optional("passes", () => exception.list("passes", parsePass)),
    ...exception.optional("maskChoice", () => exception.oneOf("maskChoice", MASK_CHOICES)),
    ...exception.optional("logitThreshold", () => exception.number("logitThreshold", {})),
    ...exception.optional("samWeight", () => exception.number("samWeight", SHARE)),
    ...exception.optional("minimumAgreement", () => exception.number("minimumAgreement", SHARE)),
    ...exception.optional("fallback", () => exception.oneOf("fallback", FALLBACKS)),
    ...exception.optional("absent", () => exception.oneOf("absent", ABSENT_RULES)),
  };
  exception.refuseOthers();
  return parsed;
}

function refuseMeaninglessExceptions({ exceptions = [], cleanUp, passes }: RefinementPlan): void {
  const seen = new Set<number>();
  for (const [index, exception] of exceptions.entries()) {
    const path = `exceptions[${index}]`;
    const repeated = exception.segments.find((segment) => seen.has(segment));
    if (repeated !== undefined) throw invalidPlan(`${path}.segments`, repeated, "every segment in one exception only");
    for (const segment of exception.segments) seen.add(segment);
    const walks = (steps: readonly CleanUpStep[]): boolean => steps.some(({ kind }) => kind === "random-walker");
    if (exception.cleanUp !== undefined && (walks(cleanUp) || walks(exception.cleanUp))) {
      throw invalidPlan(`${path}.cleanUp`, "random-walker", "steps that look at one class alone");
    }
    if (exception.passes === undefined) continue;
    if (exception.passes.length > 0 && passes.length === 0) {
      throw invalidPlan(`${path}.passes`, exception.passes, "nothing, because the plan itself has no passes");
    }
    refuseMeaninglessPasses(exception.passes, `${path}.`);
  }
}

function parseRing(value: unknown, path: string): RingPair {
  const pair = new RecordReader(value, path);
  const ring = pair.number("ring", SEGMENT_NUMBER);
  const inner = pair.number("inner", SEGMENT_NUMBER);
  pair.refuseOthers();
  if (ring === inner) throw invalidPlan(`${path}.inner`, inner, "another segment number than ring");
  return { ring, inner };
}

function parseCropRule(value: unknown, path: string): CropRule {
  const rule = new RecordReader(value, path);
  const parsed: CropRule = {
    kind: rule.oneOf("kind", ["crop"]),
    around: rule.oneOf("around", ["object", "all-objects"]),
    marginFraction: rule.number("marginFraction", { minimum: 0 }),
    minimumSide: rule.number("minimumSide", { minimum: 1, whole: true }),
  };
  rule.refuseOthers();
  return parsed;
}

function parsePass(value: unknown, path: string): RefinementPass {
  const pass = new RecordReader(value, path);
  const count = { minimum: 1, maximum: 100, whole: true };
  const parsed: RefinementPass = {
    ...pass.optional("foreground", () =>
      pass.oneOf("foreground", [
        "centroid",
        "snapped-centroid",
        "distance-transform-maximum",
        "arg-max-probability",
        "random",
      ]),
    ),
    ...pass.optional("foregroundCount", () => pass.number("foregroundCount", count)),
    ...pass.optional("background", () => pass.oneOf("background", ["other-classes", "arg-min-probability", "random"])),
    ...pass.optional("backgroundCount", () => pass.number("backgroundCount", count)),
    ...pass.optional("errorClicks", () => pass.oneOf("errorClicks", ["newest", "all"])),
    ...pass.optional("repeat", () => pass.number("repeat", count)),
    ...pass.optional("box", () => parseBoxRule(pass.take("box"), `${path}.box`)),
    maskInput: pass.oneOf("maskInput", ["none", "zeros", "previous-pass", "from-mask", "from-probability"]),
    maskScale: pass.number("maskScale", { above: 0 }),
  };
  pass.refuseOthers();
  return parsed;
}

function parseBoxRule(value: unknown, path: string): BoxRule {
  const box = new RecordReader(value, path);
  const parsed: BoxRule = {
    marginPixels: box.number("marginPixels", { minimum: 0 }),
    marginFraction: box.number("marginFraction", { minimum: 0 }),
    ...box.optional("edges", () => box.oneOf("edges", ["inclusive", "exclusive"])),
    ...box.optional("minimumSide", () => box.number("minimumSide", { minimum: 1 })),
    ...box.optional("jitterPixels", () => box.number("jitterPixels", { minimum: 0, maximum: 1024, whole: true })),
    ...box.optional("pixelFrame", () => box.oneOf("pixelFrame", ["grid", "sam"])),
  };
  box.refuseOthers();
  return parsed;
}

function parseEvidence(value: unknown, path: string): PlanEvidence {
  const evidence = new RecordReader(value, path);
  const parsed: PlanEvidence = {
    summary: evidence.text("summary"),
    dataset: evidence.text("dataset"),
    cases: evidence.texts("cases"),
    model: evidence.text("model"),
    ...evidence.optional("sam", () => evidence.text("sam")),
    arms: evidence.list("arms", parseArm),
    ...evidence.optional("classes", () => evidence.list("classes", parseEvidenceClass)),
    ...evidence.optional("heldOut", () => parseHeldOut(evidence.take("heldOut"), `${path}.heldOut`)),
    command: evidence.text("command"),
  };
  evidence.refuseOthers();
  return parsed;
}

function parseEvidenceClass(value: unknown, path: string): PlanEvidenceClass {
  const entry = new RecordReader(value, path);
  const parsed: PlanEvidenceClass = {
    label: entry.text("label"),
    plan: entry.text("plan"),
    usesSam: entry.flag("usesSam"),
    dice: entry.number("dice", SHARE),
    difference: entry.number("difference", SIGNED_SHARE),
    ...entry.optional("differenceInterval", () =>
      parseInterval(entry.take("differenceInterval"), `${path}.differenceInterval`),
    ),
  };
  entry.refuseOthers();
  return parsed;
}

function parseHeldOut(value: unknown, path: string): NonNullable<PlanEvidence["heldOut"]> {
  const found = new RecordReader(value, path);
  const parsed = {
    difference: found.number("difference", SIGNED_SHARE),
    ...found.optional("interval", () => parseInterval(found.take("interval"), `${path}.interval`)),
  };
  found.refuseOthers();
  return parsed;
}

function parseArm(value: unknown, path: string): PlanEvidenceArm {
  const arm = new RecordReader(value, path);
  const parsed: PlanEvidenceArm = {
    plan: arm.text("plan"),
    usesSam: arm.flag("usesSam"),
    dice: arm.number("dice", SHARE),
    ...arm.optional("interval", () => parseInterval(arm.take("interval"), `${path}.interval`)),
    difference: arm.number("difference", SIGNED_SHARE),
    ...arm.optional("differenceInterval", () =>
      parseInterval(arm.take("differenceInterval"), `${path}.differenceInterval`),
    ),
  };
  arm.refuseOthers();
  return parsed;
}

function parseInterval(value: unknown, path: string): EvidenceInterval {
  const interval = new RecordReader(value, path);
  const parsed: EvidenceInterval = {
    lower: interval.number("lower", SIGNED_SHARE),
    upper: interval.number("upper", SIGNED_SHARE),
  };
  interval.refuseOthers();
  return parsed;
}

/** What each key allows by itself may still make no sense together. */
function refuseMeaninglessPasses(passes: readonly RefinementPass[], prefix: string): void {
  for (const [index, pass] of passes.entries()) {
    const path = `${prefix}passes[${index}]`;
    if (pass.maskInput === "previous-pass" && index === 0) {
      throw invalidPlan(`${path}.maskInput`, pass.maskInput, "a mask of the network, because there is no pass before");
    }
    if (pass.errorClicks !== undefined && (pass.foreground !== undefined || pass.background !== undefined)) {
      throw invalidPlan(`${path}.errorClicks`, pass.errorClicks, "no foreground and no background beside it");
    }
    if (pass.repeat !== undefined && pass.errorClicks === undefined) {
      throw invalidPlan(`${path}.repeat`, pass.repeat, "nothing without errorClicks");
    }
    const hasPoints = pass.foreground !== undefined || pass.errorClicks !== undefined;
    const hasMask = pass.maskInput !== "none" && pass.maskInput !== "zeros";
    if (!hasPoints && pass.box === undefined && !hasMask) {
      throw invalidPlan(path, "no prompt", "a foreground point, a box or a mask");
    }
    if (pass.foregroundCount !== undefined && pass.foreground !== "random") {
      throw invalidPlan(`${path}.foregroundCount`, pass.foregroundCount, `nothing unless foreground is "random"`);
    }
    if (pass.backgroundCount !== undefined && pass.background !== "random") {
      throw invalidPlan(`${path}.backgroundCount`, pass.backgroundCount, `nothing unless background is "random"`);
    }
  }
}
