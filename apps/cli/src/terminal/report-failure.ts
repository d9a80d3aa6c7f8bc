import { isRefineError } from "@samrefine/core";
import { CommanderError } from "commander";
import type { Terminal } from "./terminal.ts";

export type ExitCode = 0 | 1 | 2;

/**
 * Says on the terminal what went wrong and returns the exit code: 2 when the command line itself was wrong (bad option,
 * a path that is not there or another `configuration` error, `invalid-plan`), 1 for every other failure. Commander has already printed its own messages.
 */
export function reportFailure(error: unknown, terminal: Terminal, signal: AbortSignal): ExitCode {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
  if (signal.aborted && error === signal.reason) {
    terminal.note("Interrupted.");
    return 1;
  }
  if (isRefineError(error)) {
    terminal.note(`Error: ${error.message}`);
    if (error.hint !== "") terminal.note(error.hint);
    return error.code === "configuration" || error.code === "invalid-plan" ? 2 : 1;
  }
  terminal.note(error instanceof Error ? (error.stack ?? error.message) : `Error: ${String(error)}`);
  return 1;
}
