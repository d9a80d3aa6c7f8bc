import { RefineError } from "../errors.ts";
import type { BoxRule } from "../prompt/box.ts";
import type { CleanUpStep, RefinementPass, RefinementPlan, RingPair } from "./plan.ts";
import type { EvidenceInterval, PlanEvidence, PlanEvidenceArm } from "./plan-evidence.ts";

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
    cleanUp: plan.list("cleanUp", parseCleanUpStep),
    ...plan.optional("target", () => plan.oneOf("target", ["class", "component"])),
    ...plan.optional("rings", () => plan.list("rings", parseRing)),
    passes: plan.list("passes", parsePass),
    ...plan.optional("coordinates", () => plan.oneOf("coordinates", ["index", "pixel-centre"])),
    maskChoice: plan.oneOf("maskChoice", ["token0", "bestOf3", "auto"]),
    samWeight: plan.number("samWeight", { minimum: 0, maximum: 1 }),
    minimumAgreement: plan.number("minimumAgreement", { minimum: 0, maximum: 1 }),
    fallback: plan.oneOf("fallback", ["cleaned", "raw"]),
    ...plan.optional("fusion", () =>
      plan.oneOf("fusion", ["independent", "arg-max-zero-background", "arg-max-mean-background"]),
    ),
    ...plan.optional("quality", () => plan.oneOf("quality", ["soft-dice", "predicted-iou-as-dice", "agreement"])),
    testTimeAugmentation: plan.oneOf("testTimeAugmentation", ["none", "horizontal-flip", "flips"]),
    seed: plan.number("seed", { minimum: 0, whole: true }),
    ...plan.optional("evidence", () => parseEvidence(plan.take("evidence"), "evidence")),
  };
  plan.refuseOthers();
  refuseMeaninglessPasses(parsed);
  return parsed;
}

function parseCleanUpStep(value: unknown, path: string): CleanUpStep {
  const step = new RecordReader(value, path);
  const kind = step.oneOf("kind", ["component", "morphology", "fill-holes"]);
  const parsed: CleanUpStep =
    kind === "fill-holes"
      ? { kind }
      : kind === "component"
        ? {
            kind,
            keep: step.oneOf("keep", ["largest", "highest-probability", "largest-box", "all"]),
            minimumArea: step.number("minimumArea", { minimum: 0 }),
          }
        : {
            kind,
            operation: step.oneOf("operation", ["erode", "dilate", "open", "close"]),
            element: step.oneOf("element", ["square", "disk", "diamond", "star"]),
            radius: step.number("radius", { minimum: 0, maximum: 256, whole: true }),
          };
  step.refuseOthers();
  return parsed;
}

function parseRing(value: unknown, path: string): RingPair {
  const pair = new RecordReader(value, path);
  const ring = pair.number("ring", { minimum: 1, maximum: 65535, whole: true });
  const inner = pair.number("inner", { minimum: 1, maximum: 65535, whole: true });
  pair.refuseOthers();
  if (ring === inner) throw invalid(`${path}.inner`, inner, "another segment number than ring");
  return { ring, inner };
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
    ...pass.optional("box", () => parseBoxRule(pass.take("box"), `${path}.box`)),
    maskInput: pass.oneOf("maskInput", ["none", "previous-pass", "from-mask", "from-probability"]),
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
    command: evidence.text("command"),
  };
  evidence.refuseOthers();
  return parsed;
}

function parseArm(value: unknown, path: string): PlanEvidenceArm {
  const arm = new RecordReader(value, path);
  const share = { minimum: -1, maximum: 1 };
  const parsed: PlanEvidenceArm = {
    plan: arm.text("plan"),
    usesSam: arm.flag("usesSam"),
    dice: arm.number("dice", { minimum: 0, maximum: 1 }),
    ...arm.optional("interval", () => parseInterval(arm.take("interval"), `${path}.interval`)),
    difference: arm.number("difference", share),
    ...arm.optional("differenceInterval", () =>
      parseInterval(arm.take("differenceInterval"), `${path}.differenceInterval`),
    ),
  };
  arm.refuseOthers();
  return parsed;
}

function parseInterval(value: unknown, path: string): EvidenceInterval {
  const interval = new RecordReader(value, path);
  const share = { minimum: -1, maximum: 1 };
  const parsed: EvidenceInterval = { lower: interval.number("lower", share), upper: interval.number("upper", share) };
  interval.refuseOthers();
  return parsed;
}

/** What each key allows by itself may still make no sense together. */
function refuseMeaninglessPasses({ passes }: RefinementPlan): void {
  for (const [index, pass] of passes.entries()) {
    const path = `passes[${index}]`;
    if (pass.maskInput === "previous-pass" && index === 0) {
      throw invalid(`${path}.maskInput`, pass.maskInput, "a mask of the network, because there is no pass before");
    }
    if (pass.foreground === undefined && pass.box === undefined && pass.maskInput === "none") {
      throw invalid(path, "no prompt", "a foreground point, a box or a mask");
    }
    if (pass.foregroundCount !== undefined && pass.foreground !== "random") {
      throw invalid(`${path}.foregroundCount`, pass.foregroundCount, `nothing unless foreground is "random"`);
    }
    if (pass.backgroundCount !== undefined && pass.background !== "random") {
      throw invalid(`${path}.backgroundCount`, pass.backgroundCount, `nothing unless background is "random"`);
    }
  }
}

interface NumberRange {
  readonly minimum?: number;
  readonly maximum?: number;
  readonly above?: number;
  readonly below?: number;
  readonly whole?: boolean;
}

/** Takes the keys of an object one by one and knows its place in the plan. */
class RecordReader {
  readonly #record: Readonly<Record<string, unknown>>;
  readonly #path: string;
  readonly #taken = new Set<string>();

  constructor(value: unknown, path: string) {
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      throw invalid(path === "" ? "plan" : path, value, "an object");
    }
    this.#record = value as Readonly<Record<string, unknown>>;
    this.#path = path;
  }

  take(key: string): unknown {
    this.#taken.add(key);
    return Object.hasOwn(this.#record, key) ? this.#record[key] : undefined;
  }

  text(key: string): string {
    const value = this.take(key);
    if (typeof value !== "string" || value.trim() === "") throw invalid(this.#at(key), value, "a text");
    return value;
  }

  texts(key: string): string[] {
    return this.list(key, (value, path) => {
      if (typeof value !== "string" || value.trim() === "") throw invalid(path, value, "a text");
      return value;
    });
  }

  flag(key: string): boolean {
    const value = this.take(key);
    if (typeof value !== "boolean") throw invalid(this.#at(key), value, "true or false");
    return value;
  }

  number(key: string, range: NumberRange): number {
    const value = this.take(key);
    const isInRange =
      typeof value === "number" &&
      Number.isFinite(value) &&
      (range.minimum === undefined || value >= range.minimum) &&
      (range.maximum === undefined || value <= range.maximum) &&
      (range.above === undefined || value > range.above) &&
      (range.below === undefined || value < range.below) &&
      (range.whole !== true || Number.isInteger(value));
    if (!isInRange) throw invalid(this.#at(key), value, describeRange(range));
    return value;
  }

  oneOf<const T extends string>(key: string, accepted: readonly T[]): T {
    const value = this.take(key);
    const found = accepted.find((candidate) => candidate === value);
    if (found === undefined) throw invalid(this.#at(key), value, accepted.map((a) => JSON.stringify(a)).join(" or "));
    return found;
  }

  list<T>(key: string, parse: (value: unknown, path: string) => T): T[] {
    const value = this.take(key);
    if (!Array.isArray(value)) throw invalid(this.#at(key), value, "a list");
    return value.map((item, index) => parse(item, `${this.#at(key)}[${index}]`));
  }

  /** The key with its parsed value, or nothing when it is absent. */
  optional<const K extends string, T>(key: K, parse: () => T): { readonly [P in K]?: T } {
    return this.take(key) === undefined ? {} : ({ [key]: parse() } as { readonly [P in K]?: T });
  }

  refuseOthers(): void {
    for (const key of Object.keys(this.#record)) {
      if (!this.#taken.has(key)) throw invalid(this.#at(key), "an unknown key", [...this.#taken].join(", "));
    }
  }

  #at(key: string): string {
    return this.#path === "" ? key : `${this.#path}.${key}`;
  }
}

function describeRange({ minimum, maximum, above, below, whole }: NumberRange): string {
  const limits = [
    minimum === undefined ? [] : [`at least ${minimum}`],
    above === undefined ? [] : [`above ${above}`],
    maximum === undefined ? [] : [`at most ${maximum}`],
    below === undefined ? [] : [`below ${below}`],
  ].flat();
  return [whole === true ? "a whole number" : "a number", limits.join(" and ")].filter((part) => part !== "").join(" ");
}

function invalid(path: string, found: unknown, accepted: string): RefineError {
  const shown = typeof found === "string" ? found : (JSON.stringify(found) ?? "nothing").slice(0, 80);
  return new RefineError("invalid-plan", `Plan, ${path}: found ${shown}, accepted: ${accepted}.`, {
    hint: "Correct the plan at this place, or start from a preset.",
    details: { path, accepted },
  });
}
