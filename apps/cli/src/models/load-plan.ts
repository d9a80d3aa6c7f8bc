import { readFile } from "node:fs/promises";
import { parsePlan, RefineError, type RefinementPlan } from "@samrefine/core";
import { reasonOf } from "../dataset/dataset-error.ts";

/** @throws RefineError `invalid-plan`, or `configuration` when the file cannot be read. */
export async function loadPlan(path: string): Promise<RefinementPlan> {
  let value: unknown;
  try {
    value = JSON.parse(await readFile(path, "utf8"));
  } catch (cause) {
    throw new RefineError("configuration", `The plan ${path} cannot be read: ${reasonOf(cause)}`, {
      hint: "Give a JSON file with a refinement plan, or choose a preset.",
      cause,
    });
  }
  return parsePlan(value);
}
