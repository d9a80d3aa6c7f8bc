import { BURDEN } from "./published.ts";
import type { Recipe } from "./recipe.ts";
import { supervised } from "./supervised.ts";

/**
 * Fresh training on label maps made by a model (methods.md 1.4, final training): the caller says where the labels come from
 * and may weigh cases; pixels of the ignore label do not count. Otherwise as the supervised recipe.
 */
export const pseudoLabel: Recipe = {
  ...supervised,
  name: "pseudo-label",
  summary: "label maps from a folder, such as refined predictions, as labels of the unlabelled cases",
  paper: { ...BURDEN, steps: 10_850, validation: { every: 10_850, cases: 1000 } },
};
