import { presetPlan } from "@samrefine/core";
import type { CaseScore } from "@samrefine/evaluation";
import { type CaseSelection, selectCases } from "../cases/select-cases.ts";
import type { CommandContext, CommonOptions } from "../command-context.ts";
import { runPlans } from "../compare/run-plans.ts";
import type { OpenedDataset } from "../dataset/open-dataset.ts";
import { scoreCase } from "../evaluation/score-case.ts";
import { openEngine, openUnet } from "../models/open-models.ts";

/** Every class of every chosen case by the network alone, at the image's own resolution. */
export async function scoreModel(
  manifestPath: string,
  dataset: OpenedDataset,
  options: CommonOptions & { readonly cases: CaseSelection },
  context: CommandContext,
): Promise<readonly CaseScore[]> {
  const { signal } = context;
  const engine = await openEngine(options);
  try {
    const unet = await openUnet(engine, manifestPath, context);
    const scores: CaseScore[] = [];
    for (const id of selectCases(dataset, options.cases)) {
      signal.throwIfAborted();
      const task = { dataset, unet, sam: undefined, plans: [presetPlan("raw")], signal };
      const { image, reference, runs } = await runPlans(id, task);
      scores.push(...scoreCase(image, dataset, reference, runs[0]!.labels, { distances: false }));
    }
    return scores;
  } finally {
    await engine.dispose();
  }
}
