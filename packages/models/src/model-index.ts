import { RefineError } from "@samrefine/core";
import * as v from "valibot";

const modelIndexSchema = v.strictObject({
  schema: v.literal("samrefine-index/1"),
  /** Relative to the index file, e.g. "teeth/manifest.json". */
  manifests: v.array(v.pipe(v.string(), v.minLength(1))),
});

/** The list of models in a folder (`models/index.json`), since a web server does not list folders. */
export type ModelIndex = v.InferOutput<typeof modelIndexSchema>;

/**
 * Checks an untrusted value against the index schema.
 * @throws RefineError `model-manifest` naming the path of the first thing that is wrong.
 */
export function parseModelIndex(value: unknown, origin: string): ModelIndex {
  const result = v.safeParse(modelIndexSchema, value);
  if (result.success) return result.output;
  const issue = result.issues[0];
  const path = v.getDotPath(issue) ?? "(root)";
  throw new RefineError("model-manifest", `The model index ${origin} is not valid at ${path}: ${issue.message}`, {
    hint: 'An index is {"schema": "samrefine-index/1", "manifests": ["<folder>/manifest.json"]}.',
    details: { origin, path },
  });
}
