import type { DatasetSource, GridSize, IntensityPolicy, TaskOptions } from "@samrefine/core";
import { type PreparedCase, prepareCase } from "./prepared-case.ts";

export interface LoadCasesOptions extends TaskOptions {
  readonly intensity: IntensityPolicy;
  readonly grid: GridSize;
  /** Reads a case's labels; undefined loads images alone. */
  readonly readLabels: DatasetSource["readLabels"] | undefined;
  /** Name of the progress stage. */
  readonly stage: string;
}

/**
 * Reads and prepares cases, in order. They stay in memory: on the network's grid a case is small (a volume of 40 slices of
 * 64 × 64 is 0.8 MB).
 */
export async function loadCases(
  dataset: DatasetSource,
  ids: readonly string[],
  { intensity, grid, readLabels, stage, signal, onProgress }: LoadCasesOptions,
): Promise<readonly PreparedCase[]> {
  const cases: PreparedCase[] = [];
  for (const id of ids) {
    signal?.throwIfAborted();
    cases.push(prepareCase(await dataset.readCase(id), await readLabels?.(id), intensity, grid));
    onProgress?.({ stage, completed: cases.length, total: ids.length, unit: "case" });
  }
  return cases;
}
