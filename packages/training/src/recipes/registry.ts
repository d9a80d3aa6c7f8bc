import { RefineError } from "@samrefine/core";
import type { Recipe } from "./recipe.ts";
import { supervised } from "./supervised.ts";

/** All recipes by name. Adding one is one file and one line here. */
export const recipes: ReadonlyMap<string, Recipe> = new Map([supervised].map((recipe) => [recipe.name, recipe]));

/** @throws RefineError `configuration` listing the recipes there are. */
export function requireRecipe(name: string): Recipe {
  const recipe = recipes.get(name);
  if (recipe) return recipe;
  throw new RefineError("configuration", `There is no training recipe "${name}".`, {
    hint: `Choose one of: ${[...recipes.keys()].join(", ")}.`,
    details: { found: name, accepted: [...recipes.keys()] },
  });
}
