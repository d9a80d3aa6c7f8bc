import { RefineError } from "@samrefine/core";
import * as v from "valibot";

const configurationSchema = v.strictObject({
  /** URL of the model index; relative URLs are resolved against the page. */
  modelIndexUrl: v.optional(v.string(), "/samrefine/models/index.json"),
  /** Id of the promptable model to use when the index offers several; the first one otherwise. */
  promptableModel: v.optional(v.string()),
  /** Slices whose estimated Dice lies below are flagged for review, where the model's plan names no limit of its own. */
  flagBelowDice: v.optional(v.pipe(v.number(), v.minValue(0), v.maxValue(1)), 0.75),
});

export type ExtensionConfiguration = v.InferOutput<typeof configurationSchema>;

/**
 * Checks what the app configuration passes to the plugin; unknown keys are errors.
 * @throws RefineError `configuration` naming the key.
 */
export function parseConfiguration(value: unknown): ExtensionConfiguration {
  const result = v.safeParse(configurationSchema, value ?? {});
  if (result.success) return result.output;
  const issue = result.issues[0];
  const path = v.getDotPath(issue) ?? "(root)";
  throw new RefineError("configuration", `The SAM Refine configuration is not valid at ${path}: ${issue.message}`, {
    hint: "Correct it in the viewer's app configuration.",
    details: { path },
  });
}
