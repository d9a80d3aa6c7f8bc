import type { Progress } from "@samrefine/core";
import { Presets, SingleBar } from "cli-progress";

/** Where a command talks to its user: results on stdout, everything else on stderr. */
export interface Terminal {
  /** Characters per line of stdout; undefined when it is no terminal. */
  readonly columns?: number | undefined;
  /** Result text, to stdout. */
  print(text: string): void;
  /** Warnings and remarks, to stderr. */
  note(text: string): void;
  /** A bar on a terminal, one line per stage otherwise. The caller stops it. */
  startProgress(): ProgressDisplay;
}

export interface ProgressDisplay {
  /** `detail` is shown behind the bar, e.g. a loss; on a plain stream it is left out. */
  update(progress: Progress, detail?: string): void;
  stop(): void;
}

export function createTerminal(
  stdout: NodeJS.WriteStream = process.stdout,
  stderr: NodeJS.WriteStream = process.stderr,
): Terminal {
  return {
    get columns() {
      return stdout.isTTY ? stdout.columns : undefined;
    },
    print: (text) => stdout.write(`${text}\n`),
    note: (text) => stderr.write(`${text}\n`),
    startProgress: () => (stderr.isTTY ? new BarDisplay(stderr) : new LineDisplay(stderr)),
  };
}

class BarDisplay implements ProgressDisplay {
  readonly #stream: NodeJS.WriteStream;
  #bar: SingleBar | undefined;
  #stage = "";

  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream;
  }

  update({ stage, completed, total, unit }: Progress, detail = ""): void {
    if (this.#bar === undefined || stage !== this.#stage) {
      this.stop();
      this.#stage = stage;
      this.#bar = new SingleBar(
        {
          stream: this.#stream,
          format: `${stage} {bar} {value}/{total} ${unit} {eta_formatted} {detail}`,
          hideCursor: true,
        },
        Presets.shades_classic,
      );
      this.#bar.start(total ?? 0, completed, { detail });
    }
    if (total !== undefined) this.#bar.setTotal(total);
    this.#bar.update(completed, { detail });
  }

  stop(): void {
    this.#bar?.stop();
    this.#bar = undefined;
  }
}

function counted(count: number, unit: Progress["unit"]): string {
  if (count === 1) return `1 ${unit}`;
  return `${count} ${unit === "batch" ? "batches" : `${unit}s`}`;
}

class LineDisplay implements ProgressDisplay {
  readonly #stream: NodeJS.WriteStream;
  #stage = "";

  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream;
  }

  update({ stage, total, unit }: Progress): void {
    if (stage === this.#stage) return;
    this.#stage = stage;
    this.#stream.write(total === undefined ? `${stage}\n` : `${stage} (${counted(total, unit)})\n`);
  }

  stop(): void {
    this.#stage = "";
  }
}
