import type { SplitName } from "@samrefine/core";
import * as v from "valibot";
import { datasetError } from "./dataset-error.ts";

const datasetJsonSchema = v.object({
  name: v.optional(v.string()),
  channel_names: v.record(v.string(), v.string()),
  labels: v.record(v.string(), v.union([v.number(), v.array(v.number())])),
  file_ending: v.string(),
});

/** dataset.json of an nnU-Net v2 raw data set, as far as this project uses it. */
export interface DatasetDescription {
  readonly name: string | undefined;
  readonly channelName: string;
  /** Background and ignore left out, in order of value. */
  readonly labels: readonly { readonly name: string; readonly value: number }[];
  readonly ignoreLabel: number | undefined;
  readonly fileEnding: ".png" | ".nii" | ".nii.gz";
}

/**
 * Checks the content of dataset.json: one channel, consecutive integer labels from 1, `ignore` (if any) the highest value,
 * a file ending that can be read.
 * @throws RefineError `dataset`.
 */
export function parseDatasetDescription(value: unknown, path: string): DatasetDescription {
  const parsed = v.safeParse(datasetJsonSchema, value);
  if (!parsed.success) {
    const issue = parsed.issues[0];
    throw datasetError(`${path} is not valid at ${v.getDotPath(issue) ?? "(root)"}: ${issue.message}.`, {
      hint: "nnU-Net v2 raw data sets need channel_names, labels and file_ending.",
    });
  }
  const { name, channel_names: channels, labels, file_ending: ending } = parsed.output;
  const channelNames = Object.values(channels);
  if (channelNames.length !== 1) {
    throw datasetError(
      `${path} names ${channelNames.length} channels (${channelNames.join(", ")}); one is supported.`,
      {
        hint: "Write a data set with the one channel that the model sees.",
      },
    );
  }
  if (ending !== ".png" && ending !== ".nii" && ending !== ".nii.gz") {
    throw datasetError(`${path} has file_ending "${ending}"; .png, .nii.gz and .nii are read.`);
  }
  return { name, channelName: channelNames[0]!, fileEnding: ending, ...parseLabels(labels, path) };
}

function parseLabels(
  labels: Readonly<Record<string, number | number[]>>,
  path: string,
): Pick<DatasetDescription, "labels" | "ignoreLabel"> {
  const values: { name: string; value: number }[] = [];
  for (const [name, value] of Object.entries(labels)) {
    if (typeof value !== "number") {
      throw datasetError(
        `${path} declares "${name}" as a region [${value.join(", ")}]; only plain labels are supported.`,
      );
    }
    values.push({ name, value });
  }
  if (labels.background !== 0) throw datasetError(`${path} must declare "background": 0 among its labels.`);
  values.sort((a, b) => a.value - b.value);
  const wrong = values.find((label, index) => label.value !== index);
  if (wrong !== undefined) {
    throw datasetError(
      `${path} gives "${wrong.name}" the value ${wrong.value}; labels must be the integers 0 to ${values.length - 1} without gaps.`,
    );
  }
  if (values.length > 256)
    throw datasetError(`${path} declares ${values.length} labels; 256 with background are supported.`);
  const ignore = values.find((label) => label.name === "ignore");
  if (ignore !== undefined && ignore.value !== values.length - 1) {
    throw datasetError(
      `${path} gives "ignore" the value ${ignore.value}; it must be the highest, ${values.length - 1}.`,
    );
  }
  const foreground = values.filter((label) => label.value > 0 && label !== ignore);
  if (foreground.length === 0) throw datasetError(`${path} declares no label besides background.`);
  return { labels: foreground, ignoreLabel: ignore?.value };
}

const caseList = v.optional(v.array(v.string()), []);
const splitSchema = v.object({ labeled: caseList, unlabeled: caseList, val: caseList, test: caseList });

export type Split = Readonly<Record<SplitName, readonly string[]>>;

/**
 * Checks the content of split.json. A case may be both labeled and unlabeled (published methods pseudo-label their
 * labelled images too), but what measures (val, test) must not be what teaches.
 * @throws RefineError `dataset` naming the cases.
 */
export function parseSplit(value: unknown, path: string): Split {
  const parsed = v.safeParse(splitSchema, value);
  if (!parsed.success) {
    const issue = parsed.issues[0];
    throw datasetError(`${path} is not valid at ${v.getDotPath(issue) ?? "(root)"}: ${issue.message}.`, {
      hint: 'Write {"labeled": [...], "unlabeled": [...], "val": [...], "test": [...]} with case ids.',
    });
  }
  const split = parsed.output;
  for (const [name, ids] of Object.entries(split)) {
    const repeated = ids.find((id, index) => ids.indexOf(id) !== index);
    if (repeated !== undefined)
      throw datasetError(`${path} lists case ${repeated} twice in "${name}".`, { caseId: repeated });
  }
  const exclusive = [
    ["labeled", "val"],
    ["labeled", "test"],
    ["unlabeled", "val"],
    ["unlabeled", "test"],
    ["val", "test"],
  ] as const;
  for (const [one, other] of exclusive) {
    const members = new Set(split[other]);
    const shared = split[one].filter((id) => members.has(id));
    if (shared.length > 0) {
      throw datasetError(`${path} lists ${describeCases(shared)} in both "${one}" and "${other}".`, {
        hint: "Scores on cases that were used for training say nothing; take them out of one of the two lists.",
        caseId: shared[0]!,
      });
    }
  }
  return split;
}

/** "case a" or "5 cases (a, b, c, ...)". */
export function describeCases(ids: readonly string[]): string {
  if (ids.length === 1) return `case ${ids[0]}`;
  return `${ids.length} cases (${ids.slice(0, 3).join(", ")}${ids.length > 3 ? ", ..." : ""})`;
}
