import { isRefineError } from "@samrefine/core";
import type { CommandContext } from "../command-context.ts";
import { reasonOf } from "../dataset/dataset-error.ts";

/** A case that could not be done, and why. */
export interface CaseFailure {
  readonly id: string;
  readonly code: string;
  readonly message: string;
}

export interface CaseRun<T> {
  readonly results: readonly T[];
  readonly failures: readonly CaseFailure[];
}

/**
 * Does the cases one after the other. One that fails is reported and the rest goes on; only an interruption ends the run.
 * @param stage shown beside the progress bar.
 */
export async function runCases<T>(
  stage: string,
  ids: readonly string[],
  context: CommandContext,
  work: (id: string) => Promise<T>,
): Promise<CaseRun<T>> {
  const progress = context.terminal.startProgress();
  const results: T[] = [];
  const failures: CaseFailure[] = [];
  try {
    progress.update({ stage, completed: 0, total: ids.length, unit: "case" });
    for (const [index, id] of ids.entries()) {
      context.signal.throwIfAborted();
      try {
        results.push(await work(id));
      } catch (error) {
        context.signal.throwIfAborted();
        failures.push({ id, code: isRefineError(error) ? error.code : "unexpected", message: reasonOf(error) });
      }
      progress.update({ stage, completed: index + 1, total: ids.length, unit: "case" }, id);
    }
  } finally {
    progress.stop();
  }
  return { results, failures };
}

/** Lists what failed and makes the process end with 1, after everything else has been written. */
export function reportFailures(failures: readonly CaseFailure[], total: number, context: CommandContext): void {
  if (failures.length === 0) return;
  context.terminal.note(`${failures.length} of ${total} cases failed:`);
  for (const { id, message } of failures) context.terminal.note(`  ${id}: ${message}`);
  process.exitCode = 1;
}
