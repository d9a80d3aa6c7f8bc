import type { Command } from "commander";
import { type CaseSelection, casesOption } from "../cases/select-cases.ts";
import { addCommonOptions, type CommandContext } from "../command-context.ts";
import type { SamOptions } from "../models/open-models.ts";
import { addTrainingOptions, type TrainingChoices } from "../training/training-options.ts";

export interface BurdenOptions extends TrainingChoices, SamOptions {
  readonly preset?: string;
  readonly plan?: string;
  readonly cases: CaseSelection;
  readonly out: string;
  readonly resume?: boolean;
}

export function registerExperiment(program: Command, context: CommandContext): void {
  const experiment = program.command("experiment").description("Whole experiments, from labels to a table.");
  const burden = experiment
    .command("burden")
    .description(
      "SAM Carries the Burden: train on the labelled cases, let the network label the unlabelled ones, refine these pseudo\n" +
        "labels by a plan, train afresh on the raw and on the refined ones, and compare. Every arm has the same steps; SAM's\n" +
        "part is the difference between the two fresh trainings.",
    )
    .option("--preset <name>", "the plan that refines, by name (default: ours)")
    .option("--plan <file>", "the same, a plan of your own, JSON")
    .option("--sam <manifest>", "manifest.json of a promptable model (default: the embedded SAM)")
    .option("--cache <folder>", "where the prepared default SAM is kept (default: ~/.cache/samrefine)")
    .addOption(casesOption("val"))
    .requiredOption("--out <folder>", "where the three runs, the pseudo labels, burden.json and burden.md go")
    .option("--resume", "go on with the trainings from their checkpoints");
  addTrainingOptions(burden);
  addCommonOptions(burden).action(async (options: BurdenOptions) => {
    const { runBurden } = await import("../experiment/burden.ts");
    await runBurden(options, context);
  });
}
