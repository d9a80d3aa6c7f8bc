import type { Command } from "commander";
import { type CaseSelection, casesOption } from "../cases/select-cases.ts";
import { addCommonOptions, type CommandContext, parseInteger, parseList } from "../command-context.ts";
import type { SamOptions } from "../models/open-models.ts";
import {
  addMethodOptions,
  addTrainingOptions,
  type MethodChoices,
  parseGrid,
  type TrainingChoices,
} from "../training/training-options.ts";

export interface BurdenOptions extends TrainingChoices, SamOptions {
  readonly preset?: string;
  readonly plan?: string;
  readonly cases: CaseSelection;
  readonly out: string;
  readonly resume?: boolean;
  readonly overwrite?: boolean;
}

export interface MsdOptions extends TrainingChoices, SamOptions {
  readonly preset: string;
  readonly cases: CaseSelection;
  readonly out: string;
  readonly resume?: boolean;
  readonly overwrite?: boolean;
}

/** Lists with one entry per data set, or one entry for all of them. */
export interface RecipesOptions extends MethodChoices, SamOptions {
  readonly dataset: readonly string[];
  readonly grid?: readonly NonNullable<TrainingChoices["grid"]>[];
  readonly unlabeled?: readonly number[];
  readonly recipes?: readonly string[];
  readonly preset?: readonly string[];
  readonly cases: CaseSelection;
  readonly out: string;
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
    .option("--resume", "go on with the trainings from their checkpoints")
    .option("--overwrite", "replace the runs that are in the folder");
  addTrainingOptions(burden);
  addCommonOptions(burden).action(async (options: BurdenOptions) => {
    const { runBurden } = await import("../experiment/burden.ts");
    await runBurden(options, context);
  });

  const recipes = experiment
    .command("recipes")
    .description(`Train by every recipe. ${RECIPES_DESCRIPTION}`)
    .option("--recipes <names>", "only these, e.g. supervised,samatch", parseList);
  addRecipesOptions(recipes, context, undefined);

  const semisam = experiment
    .command("semisam")
    .description(`SemiSAM: the labels alone, a mean teacher, and the same with SAM in it. ${RECIPES_DESCRIPTION}`);
  addRecipesOptions(semisam, context, ["mean-teacher", "semisam"]);

  const samatch = experiment
    .command("samatch")
    .description(
      `SAM-Match: the labels alone, FixMatch, and SAM's masks in the place of its labels. ${RECIPES_DESCRIPTION}`,
    );
  addRecipesOptions(samatch, context, ["fixmatch", "samatch"]);

  const msd = experiment
    .command("msd")
    .description(
      "SAM as the annotator: the labelled cases get labels by SAM from prompts of their reference (a simulated annotator);\n" +
        "one network is trained on these and one on the reference, with the same steps, and both are compared.",
    )
    .option("--preset <name>", "how the reference becomes prompts, a plan by name", "msd-box")
    .option("--sam <manifest>", "manifest.json of a promptable model (default: the embedded SAM)")
    .option("--cache <folder>", "where the prepared default SAM is kept (default: ~/.cache/samrefine)")
    .addOption(casesOption("val"))
    .requiredOption("--out <folder>", "where the two runs, SAM's labels, msd.json and msd.md go")
    .option("--resume", "go on with the trainings from their checkpoints")
    .option("--overwrite", "replace the runs that are in the folder");
  addTrainingOptions(msd);
  addCommonOptions(msd).action(async (options: MsdOptions) => {
    const { runMsd } = await import("../experiment/msd.ts");
    await runMsd(options, context);
  });
}

const RECIPES_DESCRIPTION =
  "All runs have the same number of steps and are compared\n" +
  "on the given cases. Each run is measured at its last step, so that the measured cases choose nothing. The same command\n" +
  "goes on where it was stopped: a recipe that is done is not run again.";

/** @param recipes that the command runs beside the labels alone; undefined where the user chooses. */
function addRecipesOptions(command: Command, context: CommandContext, recipes: readonly string[] | undefined): void {
  command
    .requiredOption("--dataset <folder>", "nnU-Net v2 raw data set; repeat for several", repeated(String))
    .option("--grid <RxC>", "rows and columns of the network's input; repeat, once per data set", repeated(parseGrid))
    .option(
      "--unlabeled <number>",
      "use only the first so many unlabelled cases; repeat, once per data set",
      repeated(parseInteger(1)),
    )
    .option("--sam <manifest>", "manifest.json of a promptable model (default: the embedded SAM)")
    .option("--cache <folder>", "where the prepared default SAM is kept (default: ~/.cache/samrefine)")
    .option("--embeddings <folder>", "where SAM's embeddings of slices are kept (default: in the --out folder)")
    .addOption(casesOption("val"))
    .requiredOption("--out <folder>", "where the runs, the pseudo labels, recipes.json and recipes.md go");
  if (recipes === undefined) {
    command.option(
      "--preset <name>",
      "burden: the plan that refines, repeat as above (default: ours)",
      repeated(String),
    );
  }
  addMethodOptions(command);
  addCommonOptions(command).action(async (options: RecipesOptions) => {
    const { runRecipes } = await import("../experiment/recipes.ts");
    await runRecipes({ ...options, ...(recipes && { recipes }) }, context);
  });
}

/** Collects the values of an option that is given several times. */
function repeated<T>(parse: (text: string) => T): (text: string, before?: readonly T[]) => readonly T[] {
  return (text, before = []) => [...before, parse(text)];
}
