import { stat } from "node:fs/promises";
import { join } from "node:path";
import type { TrainingResult } from "@samrefine/training";
import type { CommandContext } from "../command-context.ts";
import { refineDataset } from "../commands/refine.ts";
import { type TrainOptions, trainToFolder } from "./train-to-folder.ts";

/** What `train` takes as a recipe beside those of the training package: it is made of two runs of these. */
export const BURDEN_RECIPE = "burden";

/**
 * SAM Carries the Burden (methods.md 1.1): initial training on the labelled cases into `initial/` of the run folder, pseudo
 * labels of the unlabelled ones by that network, refined by a plan, into `pseudo-labels/`, and fresh training on these into the
 * run folder itself. With `resume` each part goes on where it was.
 */
export async function trainBurden(
  { preset, plan, id, ...options }: TrainOptions,
  context: CommandContext,
): Promise<TrainingResult> {
  const initial = join(options.out, "initial");
  const pseudoLabels = join(options.out, "pseudo-labels");
  await trainToFolder({ ...options, recipe: "supervised", out: initial }, context, "initial training");
  if (!(options.resume && (await exists(join(pseudoLabels, "report.json"))))) {
    const refinement = { ...options, ...(preset && { preset }), ...(plan && { plan }), cases: "unlabeled" } as const;
    await refineDataset({ ...refinement, model: join(initial, "manifest.json"), out: pseudoLabels }, context);
  }
  const fresh = { ...options, ...(id && { id }), recipe: "pseudo-label", pseudoLabels };
  return await trainToFolder(fresh, context, "fresh training on pseudo labels");
}

async function exists(path: string): Promise<boolean> {
  return await stat(path).then(
    () => true,
    () => false,
  );
}
