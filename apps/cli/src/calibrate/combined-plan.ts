import { canCombine, combinePlans, RefineError, type RefinementPlan } from "@samrefine/core";
import type { ClassAssignment } from "@samrefine/evaluation";
import type { OpenedDataset } from "../dataset/open-dataset.ts";

/** Plans of one family differ only in what one plan can do class by class. */
export function familyOf(plan: RefinementPlan, menu: readonly RefinementPlan[]): string {
  return menu.find((other) => canCombine(other, plan))?.id ?? plan.id;
}

/** One plan that treats each class of a data set by the plan of the menu that was assigned to it. */
export function combinedPlan(
  assignment: ClassAssignment,
  menu: readonly RefinementPlan[],
  { labels }: Pick<OpenedDataset, "labels">,
): RefinementPlan {
  const planOf = (label: string): RefinementPlan => {
    const plan = menu.find(({ id }) => id === assignment.get(label)?.name);
    if (plan !== undefined) return plan;
    throw new RefineError("configuration", `No plan of the menu was assigned to ${label}.`);
  };
  const choices = labels.map(({ name, value }) => ({ segment: value, plan: planOf(name) }));
  const used = [...new Set(choices.map(({ plan }) => plan.id))];
  const parts = used.map((id) => {
    const names = labels.filter(({ name }) => planOf(name).id === id).map(({ name }) => name);
    return `${id} for ${names.join(", ")}`;
  });
  return combinePlans("by-class", `To each class the plan that won its trial: ${parts.join("; ")}.`, choices);
}
