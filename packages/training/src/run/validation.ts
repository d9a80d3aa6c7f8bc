import {
  type DatasetCase,
  type DatasetLabels,
  type GridSize,
  type IntensityPolicy,
  neighbouringSlices,
  networkInput,
  resizeBilinear,
} from "@samrefine/core";
import type { RawSession } from "@samrefine/inference";
import { caseIntensities } from "../data/prepared-case.ts";
import { type Activation, labelPlanes } from "../loss/activation.ts";
import { EXPORTED_INPUT, EXPORTED_OUTPUT } from "../network/export-model.ts";

export interface ValidationCase {
  readonly image: DatasetCase;
  readonly labels: DatasetLabels;
}

export interface ValidationOptions {
  readonly grid: GridSize;
  readonly channels: number;
  readonly intensity: IntensityPolicy;
  readonly labelCount: number;
  readonly activation: Activation;
  readonly ignoreLabel: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Dice per case and label; null where the reference does not hold the label. */
export interface CaseDice {
  readonly id: string;
  readonly dice: readonly (number | null)[];
}

export interface ValidationResult {
  readonly cases: readonly CaseDice[];
  /** Per label over the cases that hold it; null when none does. */
  readonly perLabel: readonly (number | null)[];
  /** Mean of `perLabel`. */
  readonly mean: number;
}

/**
 * The exported model on whole cases, measured at the cases' own resolution: Dice over all slices of a case, where a label's
 * probability exceeds 0.5, also with a softmax, as predict takes it.
 */
export async function validate(
  session: RawSession,
  cases: readonly ValidationCase[],
  options: ValidationOptions,
): Promise<ValidationResult> {
  const results: CaseDice[] = [];
  for (const current of cases) results.push(await caseDice(session, current, options));
  const perLabel = Array.from({ length: options.labelCount }, (_, label) =>
    meanOf(results.map(({ dice }) => dice[label] ?? null)),
  );
  return { cases: results, perLabel, mean: meanOf(perLabel) ?? 0 };
}

async function caseDice(
  session: RawSession,
  { image, labels }: ValidationCase,
  { grid, channels, intensity, labelCount, activation, ignoreLabel, signal }: ValidationOptions,
): Promise<CaseDice> {
  const intensities = caseIntensities(image, intensity);
  const overlap = new Array<number>(labelCount).fill(0);
  const predicted = new Array<number>(labelCount).fill(0);
  const reference = new Array<number>(labelCount).fill(0);
  for (const [k, slice] of image.slices.entries()) {
    signal?.throwIfAborted();
    const stacked = neighbouringSlices(image.slices, k, channels);
    const data = networkInput(stacked, intensities[k]!, grid);
    const output = await session.run({ [EXPORTED_INPUT]: { data, dims: [1, channels, grid.rows, grid.columns] } });
    const logits = output[EXPORTED_OUTPUT]!.data;
    const truth = labels.slices[k]!;
    // Of labels that exclude each other the most probable one, as the exported model is read.
    const isChoice = activation === "softmax";
    const planes = labelPlanes(logits, labelCount, activation).map((plane) =>
      resizeBilinear(isChoice ? plane.logits : plane.probability, grid, slice.geometry),
    );
    for (const [label, native] of planes.entries()) {
      for (let pixel = 0; pixel < truth.length; pixel++) {
        if (truth[pixel] === ignoreLabel) continue;
        const isPredicted = native[pixel]! > (isChoice ? 0 : 0.5);
        const isTrue = truth[pixel] === label + 1;
        if (isPredicted) predicted[label]!++;
        if (isTrue) reference[label]!++;
        if (isPredicted && isTrue) overlap[label]!++;
      }
    }
  }
  return {
    id: image.id,
    dice: reference.map((count, label) => (count === 0 ? null : (2 * overlap[label]!) / (count + predicted[label]!))),
  };
}

function meanOf(values: readonly (number | null)[]): number | null {
  const present = values.filter((value) => value !== null);
  return present.length === 0 ? null : present.reduce((sum, value) => sum + value, 0) / present.length;
}
