import { Command } from "commander";
import type { CommandContext } from "./command-context.ts";
import { registerCalibrate } from "./commands/calibrate.ts";
import { registerCompare } from "./commands/compare.ts";
import { registerEvaluate } from "./commands/evaluate.ts";
import { registerExperiment } from "./commands/experiment.ts";
import { registerExport } from "./commands/export.ts";
import { registerModels } from "./commands/models.ts";
import { registerPhantom } from "./commands/phantom.ts";
import { registerPredict } from "./commands/predict.ts";
import { registerRefine } from "./commands/refine.ts";
import { registerSegment } from "./commands/segment.ts";
import { registerTrain } from "./commands/train.ts";

/** The command tree. Commands import what is heavy (model runtime, training) only when they run. */
export function createProgram(context: CommandContext): Command {
  const program = new Command("samrefine")
    .description(
      "Segmentation and pseudo-labelling: a U-Net proposes, SAM refines, the result is measured and exported.\n" +
        "Research use only; not a medical device.",
    )
    .version("0.1.0")
    .showHelpAfterError("(see --help)")
    .exitOverride();
  for (const register of commands) register(program, context);
  return program;
}

type RegisterCommand = (program: Command, context: CommandContext) => void;

/** One line per command. */
const commands: readonly RegisterCommand[] = [
  registerTrain,
  registerPredict,
  registerRefine,
  registerEvaluate,
  registerCompare,
  registerCalibrate,
  registerExperiment,
  registerSegment,
  registerExport,
  registerModels,
  registerPhantom,
];
