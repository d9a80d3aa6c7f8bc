import { RefineError } from "@samrefine/core";
import * as v from "valibot";
import type { ModelDescription } from "./model-package.ts";

const codedConcept = v.strictObject({ value: v.string(), scheme: v.string(), meaning: v.string() });
const byte = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(255));

const descriptionSchema = v.strictObject({
  id: v.string(),
  version: v.optional(v.string(), "1"),
  title: v.optional(v.string()),
  licence: v.optional(v.string(), "not stated"),
  source: v.optional(v.string(), "not stated"),
  labels: v.optional(
    v.array(
      v.strictObject({
        name: v.string(),
        label: v.optional(v.string()),
        colorRgb: v.optional(v.tuple([byte, byte, byte])),
        category: v.optional(codedConcept),
        type: v.optional(codedConcept),
      }),
    ),
    [],
  ),
  appliesTo: v.optional(
    v.array(
      v.strictObject({
        modalities: v.array(v.string()),
        bodyParts: v.optional(v.array(v.string())),
        seriesDescription: v.optional(v.string()),
        manufacturer: v.optional(v.string()),
      }),
    ),
    [],
  ),
  limits: v.optional(v.array(v.string()), []),
});

/**
 * Reads a model's description; all but the id has a default.
 * @throws RefineError `configuration` naming the path of the first thing that is wrong.
 */
export function parseModelDescription(value: unknown, origin: string): ModelDescription {
  const result = v.safeParse(descriptionSchema, value);
  if (!result.success) {
    const path = v.getDotPath(result.issues[0]) ?? "(root)";
    throw new RefineError(
      "configuration",
      `The model description ${origin} is not valid at ${path}: ${result.issues[0].message}`,
      { details: { origin, path } },
    );
  }
  return { ...result.output, title: result.output.title ?? result.output.id } as ModelDescription;
}
