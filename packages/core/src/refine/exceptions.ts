import type { SegmentNumber } from "../mask/mask.ts";
import { EXCEPTION_KEYS, type PlanException, type RefinementPlan } from "./plan.ts";

/** Classes of one image that a plan treats alike. */
export interface PlanPart {
  /** What the plan does with them; without exceptions. */
  readonly plan: RefinementPlan;
  readonly segments: ReadonlySet<SegmentNumber>;
}

/** What a plan does with one class: the plan itself, with the class's exception in place of its own keys. */
export function planForSegment(plan: RefinementPlan, segment: SegmentNumber): RefinementPlan {
  if (plan.exceptions === undefined) return plan;
  const { exceptions, ...general } = plan;
  const exception = exceptions.find(({ segments }) => segments.includes(segment));
  if (exception === undefined) return general;
  const { segments: _segments, ...changes } = exception;
  return { ...general, ...changes };
}

/** The classes in groups that are treated alike: first those of no exception, then exception by exception. */
export function planParts(plan: RefinementPlan, segments: readonly SegmentNumber[]): readonly PlanPart[] {
  const exceptions = plan.exceptions ?? [];
  const placeOf = (segment: SegmentNumber): number => exceptions.findIndex((e) => e.segments.includes(segment));
  return [-1, ...exceptions.keys()].flatMap((place): PlanPart[] => {
    const members = segments.filter((segment) => placeOf(segment) === place);
    const [first] = members;
    return first === undefined ? [] : [{ plan: planForSegment(plan, first), segments: new Set(members) }];
  });
}

/** The plan without its clean-up, for all classes. */
export function withoutCleanUp({ exceptions, ...plan }: RefinementPlan): RefinementPlan {
  const kept = exceptions?.map(({ cleanUp: _cleanUp, ...exception }) => exception);
  return { ...plan, cleanUp: [], ...(kept && { exceptions: kept }) };
}

/** A plan for a class, such as the one that won a trial there. */
export interface PlanChoice {
  readonly segment: SegmentNumber;
  readonly plan: RefinementPlan;
}

/**
 * Whether two plans can be one that treats some classes by the one and some by the other: they differ in nothing but what an
 * exception may change, and in names and rings.
 */
export function canCombine(a: RefinementPlan, b: RefinementPlan): boolean {
  return sharedMethod(a) === sharedMethod(b) && ![a, b].some(looksAtAllClasses);
}

/**
 * One plan that treats each class by the plan chosen for it. The plan of most classes, of those that ask SAM if any does,
 * becomes the rule, the others exceptions. A ring is kept where its own class was chosen to be one.
 *
 * @param choices of every class, by plans that {@link canCombine}.
 */
export function combinePlans(id: string, note: string, choices: readonly PlanChoice[]): RefinementPlan {
  const votes = new Map<string, { readonly plan: RefinementPlan; readonly segments: SegmentNumber[] }>();
  for (const { segment, plan } of choices) {
    const known = votes.get(plan.id);
    if (known === undefined) votes.set(plan.id, { plan, segments: [segment] });
    else known.segments.push(segment);
  }
  const ranked = [...votes.values()].toSorted(
    (a, b) =>
      Number(b.plan.passes.length > 0) - Number(a.plan.passes.length > 0) || b.segments.length - a.segments.length,
  );
  const [rule, ...others] = ranked;
  if (rule === undefined) throw new RangeError("There is no choice to combine.");
  const rings = choices.flatMap(({ segment, plan }) => plan.rings?.filter(({ ring }) => ring === segment) ?? []);
  const { rings: _rings, evidence: _evidence, ...base } = rule.plan;
  const exceptions = others.map(({ plan, segments }) => exceptionOf(plan, rule.plan, segments));
  return {
    ...base,
    id,
    note,
    ...(rings.length > 0 && { rings }),
    ...(exceptions.length > 0 && { exceptions }),
  };
}

/** The keys in which a plan differs from the rule. A key that only the rule has is set to its default. */
function exceptionOf(plan: RefinementPlan, rule: RefinementPlan, segments: readonly SegmentNumber[]): PlanException {
  const defaults = { target: "class", logitThreshold: 0, absent: "empty" } as const;
  const [own, general] = [plan, rule].map((p): Readonly<Record<string, unknown>> => ({ ...defaults, ...p }));
  const differing = EXCEPTION_KEYS.filter((key) => JSON.stringify(own?.[key]) !== JSON.stringify(general?.[key]));
  return { segments, ...Object.fromEntries(differing.map((key) => [key, own?.[key]])) };
}

/** What both plans must do alike, defaults spelled out. */
function sharedMethod(plan: RefinementPlan): string {
  const named = new Set<string>([...EXCEPTION_KEYS, "id", "note", "evidence", "rings"]);
  const defaults = { coordinates: "index", fusion: "independent", quality: "soft-dice" } as const;
  const shared = Object.entries({ ...defaults, ...plan }).filter(
    ([key, value]) => !named.has(key) && value !== undefined,
  );
  return JSON.stringify(shared.sort(([a], [b]) => (a < b ? -1 : 1)));
}

function looksAtAllClasses({ cleanUp, exceptions }: RefinementPlan): boolean {
  return exceptions !== undefined || cleanUp.some(({ kind }) => kind === "random-walker");
}
