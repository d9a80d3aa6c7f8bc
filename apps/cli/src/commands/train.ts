import type { Command } from "commander";
import { addCommonOptions, type CommandContext, parseInteger } from "../command-context.ts";
import { BURDEN_RECIPE, trainBurden } from "../training/train-burden.ts";
import { type TrainOptions, trainToFolder } from "../training/train-to-folder.ts";
import { addTrainingOptions } from "../training/training-options.ts";

export function registerTrain(program: Command, context: CommandContext): void {
  const command = program
    .command("train")
    .description(
      "Train a U-Net on a data set and write it as an ONNX model with manifest, metrics, curves and model card.\n" +
        "Ctrl-C writes a checkpoint; --resume goes on from it exactly.",
    )
    .option(
      "--recipe <name>",
      "supervised, pseudo-label, burden, mean-teacher, ua-mt, cps, fixmatch, unimatch, semisam or samatch",
      "supervised",
    )
    .option("--validate-every <steps>", "steps between two validations", parseInteger(1))
    .option("--pseudo-labels <folder>", "recipe pseudo-label: label maps <case>.<ending>, e.g. of refine")
    .option("--keep-labeled", "with --pseudo-labels: also train on the labelled cases with their own labels")
    .option("--case-weights <file>", 'with --pseudo-labels: JSON {"case": weight}; others weigh 1')
    .option("--sam <manifest>", "recipes burden, semisam and samatch: another promptable model than the embedded SAM")
    .option("--cache <folder>", "where the prepared default SAM is kept (default: ~/.cache/samrefine)")
    .option("--embeddings <folder>", "where SAM's embeddings of slices are kept (default: in the run folder)")
    .option(
      "--preset <name>",
      "recipes burden, semisam and samatch: how the prediction becomes prompts, a plan by name",
    )
    .option("--plan <file>", "the same, a plan of your own, JSON")
    .requiredOption("--out <folder>", "run folder: checkpoint, model.onnx, manifest.json, metrics.json, curves.svg")
    .option("--resume", "go on from the checkpoint in the run folder")
    .option("--overwrite", "replace the run that is in the run folder")
    .option("--id <id>", "id of the model in its manifest; default the run folder's name")
    .option("--describe <file>", "JSON with the model's title, licence, source, labels, appliesTo and limits")
    .option("--labels <file>", "JSON array of the labels' colours and coded concepts")
    .option("--applies-to <file>", "JSON array of rules for the series that the model fits");
  addTrainingOptions(command);
  addCommonOptions(command).action(async (options: TrainOptions) => {
    if (options.recipe === BURDEN_RECIPE) await trainBurden(options, context);
    else await trainToFolder(options, context);
  });
}
