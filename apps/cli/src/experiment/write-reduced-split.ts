import { join } from "node:path";
import { writeJson } from "../command-context.ts";
import type { OpenedDataset } from "../dataset/open-dataset.ts";

/**
 * Writes the data set's split with only the first `unlabeled` unlabelled cases (all without it) to split.json in `folder`.
 * @returns the file's path.
 */
export async function writeReducedSplit(
  dataset: Pick<OpenedDataset, "caseIds">,
  unlabeled: number | undefined,
  folder: string,
): Promise<string> {
  const path = join(folder, "split.json");
  await writeJson(path, {
    labeled: dataset.caseIds("labeled"),
    unlabeled: dataset.caseIds("unlabeled").slice(0, unlabeled),
    val: dataset.caseIds("val"),
    test: dataset.caseIds("test"),
  });
  return path;
}
