import { parsePlan, RefineError, type RefinementPlan } from "@samrefine/core";
import { InvalidArgumentError } from "commander";

/** One key of one plan with the values that it takes in turn. */
export interface PlanAxis {
  /** Of the plan. */
  readonly id: string;
  /** As written: `samWeight`, `passes[0].box.marginFraction`. */
  readonly path: string;
  readonly values: readonly unknown[];
}

/**
 * Argument parser for commander: "ours:samWeight=0.5,0.7". Values are JSON, or plain words where that fails:
 * "scb-asRun:cleanUp[1].element=disk,square", "ours:passes=[],[{…}]".
 */
export function parseAxis(text: string, axes: readonly PlanAxis[]): readonly PlanAxis[] {
  const [, id, path, listed] = /^([^:=]+):([^=]+)=(.+)$/s.exec(text) ?? [];
  if (id === undefined || path === undefined || listed === undefined) {
    throw new InvalidArgumentError("PLAN:KEY=VALUE,VALUE is needed, for example ours:samWeight=0.5,0.7.");
  }
  return [...axes, { id, path, values: valuesOf(listed) }];
}

function valuesOf(listed: string): readonly unknown[] {
  try {
    return JSON.parse(`[${listed}]`) as unknown[];
  } catch {
    return listed.split(",").map((word) => word.trim());
  }
}

/**
 * The plans with their variants after them: of a plan with several axes every combination. A variant is named after what
 * makes it one, `ours samWeight=0.5`.
 *
 * @throws RefineError `configuration` for an axis of a plan that is not among them, or a place that the plan does not have;
 *   `invalid-plan` naming the place of a value that it may not have.
 */
export function varyPlans(plans: readonly RefinementPlan[], axes: readonly PlanAxis[]): readonly RefinementPlan[] {
  const stray = axes.find(({ id }) => plans.every((plan) => plan.id !== id));
  if (stray !== undefined) {
    throw new RefineError("configuration", `There is no plan ${stray.id} to vary by ${stray.path}.`, {
      hint: `Plans here: ${plans.map(({ id }) => id).join(", ")}.`,
    });
  }
  return plans.flatMap((plan) => [
    plan,
    ...variantsOf(
      plan,
      axes.filter(({ id }) => id === plan.id),
    ),
  ]);
}

function variantsOf(plan: RefinementPlan, axes: readonly PlanAxis[]): readonly RefinementPlan[] {
  if (axes.length === 0) return [];
  const { evidence: _evidence, ...base } = plan;
  const combinations = axes.reduce<readonly (readonly Setting[])[]>(
    (before, { path, values }) => before.flatMap((chosen) => values.map((value) => [...chosen, { path, value }])),
    [[]],
  );
  return combinations.map((settings) => {
    const changed: Record<string, unknown> = structuredClone({ ...base });
    for (const setting of settings) setAt(changed, setting, plan.id);
    const words = settings.map(
      ({ path, value }) => `${path}=${typeof value === "string" ? value : JSON.stringify(value)}`,
    );
    return parsePlan({
      ...changed,
      id: [plan.id, ...words].join(" "),
      note: `As ${plan.id}, with ${words.join(", ")}.`,
    });
  });
}

interface Setting {
  readonly path: string;
  readonly value: unknown;
}

/** Sets a key that is there, or a new one of an object that is: what may be added is for `parsePlan` to say. */
function setAt(plan: Record<string, unknown>, { path, value }: Setting, id: string): void {
  const keys = path.split(/[.[\]]+/).filter((key) => key !== "");
  const last = keys.pop();
  let place: unknown = plan;
  for (const key of keys) place = isRecord(place) && Object.hasOwn(place, key) ? place[key] : undefined;
  const isThere = isRecord(place) && last !== undefined && (!Array.isArray(place) || Object.hasOwn(place, last));
  if (!isThere) {
    throw new RefineError("configuration", `The plan ${id} has no ${path} to vary.`, {
      hint: "Write the path as in the plan's JSON, for example passes[0].box.marginFraction.",
      details: { path },
    });
  }
  (place as Record<string, unknown>)[last] = value;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
