import { createProgram } from "./program.ts";
import { interruptSignal } from "./terminal/interrupt.ts";
import { reportFailure } from "./terminal/report-failure.ts";
import { createTerminal } from "./terminal/terminal.ts";

const terminal = createTerminal();
const signal = interruptSignal();
try {
  await createProgram({ terminal, signal }).parseAsync();
} catch (error) {
  process.exitCode = reportFailure(error, terminal, signal);
}
