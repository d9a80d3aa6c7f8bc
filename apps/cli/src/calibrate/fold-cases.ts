import { RefineError } from "@samrefine/core";

/**
 * The cases that each of K networks leaves out, together all of them. Cases whose ids share what stands before the first `_`
 * or `-` (patient001_slice03) are left out together, so that no network is judged on a patient that it has seen; where that
 * makes fewer than K groups (cxr_001), every case stands for itself.
 *
 * @param ids in the order of the split; neighbours stay together.
 * @throws RefineError `configuration` when there are fewer cases than folds.
 */
export function foldCases(ids: readonly string[], folds: number): readonly (readonly string[])[] {
  const byPatient = new Map<string, string[]>();
  for (const id of ids) {
    const patient = id.split(/[_-]/, 1)[0]!;
    byPatient.set(patient, [...(byPatient.get(patient) ?? []), id]);
  }
  const groups = byPatient.size >= folds ? [...byPatient.values()] : ids.map((id) => [id]);
  if (groups.length < folds) {
    throw new RefineError(
      "configuration",
      `${folds} folds were asked for, but there are ${ids.length} labelled cases.`,
      {
        hint: `Give --folds ${Math.max(2, ids.length)} or less, or label more cases.`,
      },
    );
  }
  return Array.from({ length: folds }, (_, fold) => {
    const [start, end] = [fold, fold + 1].map((n) => Math.round((n * groups.length) / folds));
    return groups.slice(start, end).flat();
  });
}
