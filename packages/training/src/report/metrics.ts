import type { TrainingResult } from "../run/train.ts";

/** metrics.json of a run: what was asked for, what ran, what was measured. */
export function trainingMetrics(result: TrainingResult): unknown {
  const { configuration, network, history, final, chosenStep, backend, secondsPerStep } = result;
  return {
    schema: "samrefine-training/1",
    configuration,
    network: network.id,
    backend,
    secondsPerStep: secondsPerStep ?? null,
    trainingCases: result.trainingCaseIds,
    validationCases: result.validationCaseIds,
    chosenStep,
    validation: final ?? null,
    validations: history.validations,
    losses: history.losses,
  };
}
