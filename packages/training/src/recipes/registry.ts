import { RefineError } from "@samrefine/core";
import { cps } from "./cps.ts";
import { fixmatch } from "./fixmatch.ts";
import { meanTeacher } from "./mean-teacher.ts";
import { pseudoLabel } from "./pseudo-label.ts";
import type { Recipe } from "./recipe.ts";
import { samatch } from "./samatch.ts";
import { semisam } from "./semisam.ts";
import { supervised } from "./supervised.ts";
import { uaMt } from "./ua-mt.ts";
import { unimatch } from "./unimatch.ts";

/** All recipes by name. Adding one is one file and one line here. */
export const recipes: ReadonlyMap<string, Recipe> = new Map(
  [supervised, pseudoLabel, meanTeacher, uaMt, cps, fixmatch, unimatch, semisam, samatch].map((recipe) => [
    recipe.name,
    recipe,
  ]),
);

/** @throws RefineError `configuration` listing the recipes there are. */
export function requireRecipe(name: string): Recipe {
  const recipe = recipes.get(name);
  if (recipe) return recipe;
  throw new RefineError("configuration", `There is no training recipe "${name}".`, {
    hint: `Choose one of: ${[...recipes.keys()].join(", ")}.`,
    details: { found: name, accepted: [...recipes.keys()] },
  });
}
