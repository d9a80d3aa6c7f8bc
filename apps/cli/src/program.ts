import { Command } from "commander";
import type { CommandContext } from "./command-context.ts";

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
  // Subcommands do not inherit exitOverride from a parent that was configured first.
  for (const command of program.commands) command.exitOverride();
  return program;
}

type RegisterCommand = (program: Command, context: CommandContext) => void;

/** One line per command. */
const commands: readonly RegisterCommand[] = [];
