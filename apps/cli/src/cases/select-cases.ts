import { RefineError } from "@samrefine/core";
import { Option } from "commander";
import type { OpenedDataset } from "../dataset/open-dataset.ts";

const caseSelections = ["val", "test", "unlabeled", "labeled", "all"] as const;
export type CaseSelection = (typeof caseSelections)[number];

export function casesOption(fallback: CaseSelection): Option {
  return new Option("--cases <split>", "which cases").choices(caseSelections).default(fallback);
}

/**
 * Ids of the chosen cases, in the order of the split.
 * @throws RefineError `configuration` when there is none.
 */
export function selectCases(dataset: OpenedDataset, selection: CaseSelection): readonly string[] {
  const ids = selection === "all" ? dataset.allCaseIds : dataset.caseIds(selection);
  if (ids.length === 0) {
    throw new RefineError("configuration", `The data set ${dataset.directory} has no "${selection}" case.`, {
      hint: "Choose another --cases, or list the cases in split.json.",
    });
  }
  return ids;
}
