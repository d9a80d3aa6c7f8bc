import { writeFile } from "node:fs/promises";
import { cpus } from "node:os";

/** What one side measured over the rounds. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
  readonly runs: number;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const [low = Number.NaN, high = Number.NaN] = [sorted[sorted.length % 2 === 0 ? middle - 1 : middle], sorted[middle]];
  return (low + high) / 2;
}

export function spread(values: readonly number[]): Spread {
  return { median: median(values), min: Math.min(...values), max: Math.max(...values), runs: values.length };
}

/** Medians of both sides, and the median and spread of the ratios within each round. */
export interface Comparison {
  readonly what: string;
  readonly ours: number;
  readonly other: number;
  readonly ratio: number;
  readonly min: number;
  readonly max: number;
  readonly unit: string;
  readonly runs: number;
}

/** `ours` and `other` hold one value per round, in the same order. */
export function compare(what: string, unit: string, ours: readonly number[], other: readonly number[]): Comparison {
  const ratio = spread(ours.map((value, round) => value / (other[round] ?? Number.NaN)));
  return {
    what,
    ours: median(ours),
    other: median(other),
    ratio: ratio.median,
    min: ratio.min,
    max: ratio.max,
    unit,
    runs: ratio.runs,
  };
}

/** A table on the terminal, numbers with three decimals. */
export function printTable(rows: readonly object[]): void {
  const rounded = rows.map((row) =>
    Object.fromEntries(
      Object.entries(row).map(([key, value]) => [key, typeof value === "number" ? Number(value.toFixed(3)) : value]),
    ),
  );
  console.table(rounded);
}

/** Writes what a browser benchmark measured, with the machine it ran on. */
export async function writeReport(path: string, name: string, content: object): Promise<void> {
  const machine = `${cpus()[0]?.model ?? "unknown"}, ${cpus().length} cores, software rendering`;
  await writeFile(path, `${JSON.stringify({ name, machine, threads: cpus().length, ...content }, null, 2)}\n`);
}
