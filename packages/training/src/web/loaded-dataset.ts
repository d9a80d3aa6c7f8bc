import { type DatasetCase, type DatasetLabels, type DatasetSource, RefineError, type SplitName } from "@samrefine/core";

/** A data set as plain values, which may cross to a worker. Only cases that are trained or validated on need labels. */
export interface LoadedDataset extends Omit<DatasetSource, "caseIds" | "readCase" | "readLabels"> {
  readonly split: Readonly<Partial<Record<SplitName, readonly string[]>>>;
  readonly cases: readonly { readonly image: DatasetCase; readonly labels?: DatasetLabels }[];
}

export function openLoadedDataset({ split, cases, ...description }: LoadedDataset): DatasetSource {
  const byId = new Map(cases.map((entry) => [entry.image.id, entry]));
  const found = (id: string) => {
    const entry = byId.get(id);
    if (entry) return entry;
    throw new RefineError("dataset", `${description.name} has no case ${id}.`, { details: { caseId: id } });
  };
  return {
    ...description,
    caseIds: (name) => split[name] ?? [],
    readCase: async (id) => found(id).image,
    readLabels: async (id) => {
      const { labels } = found(id);
      if (labels) return labels;
      throw new RefineError("dataset", `Case ${id} has no labels.`, { details: { caseId: id } });
    },
  };
}
