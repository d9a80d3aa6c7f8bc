import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import type { RefinementPlan } from "@samrefine/core";
import { parseManifest } from "@samrefine/models";
import { writeJson } from "../command-context.ts";

/** Makes a plan the default of a model. Everything else in the manifest stays as it is. */
export async function writeManifestPlan(path: string, plan: RefinementPlan): Promise<void> {
  const manifest: unknown = JSON.parse(await readFile(path, "utf8"));
  const changed = { ...(manifest as Record<string, unknown>), plan };
  parseManifest(changed, resolve(path));
  await writeJson(path, changed);
}
