import { createProgram } from "../program.ts";
import { reportFailure } from "../terminal/report-failure.ts";
import type { Terminal } from "../terminal/terminal.ts";

export interface CommandRun {
  readonly exitCode: number;
  readonly printed: string;
  readonly noted: string;
}

/** Runs one command line in this process, as main.ts does, with a terminal that remembers. */
export async function runCommand(
  args: readonly string[],
  signal: AbortSignal = new AbortController().signal,
  columns?: number,
): Promise<CommandRun> {
  const printed: string[] = [];
  const noted: string[] = [];
  const terminal: Terminal = {
    columns,
    print: (text) => printed.push(text),
    note: (text) => noted.push(text),
    startProgress: () => ({ update: () => {}, stop: () => {} }),
  };
  process.exitCode = 0;
  let exitCode: number;
  try {
    const program = createProgram({ terminal, signal });
    for (const command of [program, ...program.commands]) {
      command.configureOutput({ writeOut: terminal.print, writeErr: terminal.note });
    }
    await program.parseAsync(["node", "samrefine", ...args]);
    exitCode = Number(process.exitCode ?? 0);
  } catch (error) {
    exitCode = reportFailure(error, terminal, signal);
  }
  process.exitCode = 0;
  return { exitCode, printed: printed.join("\n"), noted: noted.join("\n") };
}
