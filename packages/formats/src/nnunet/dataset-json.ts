import { RefineError } from "@samrefine/core";

export interface NnunetDatasetOptions {
  readonly name: string;
  /** E.g. "CT"; nnU-Net chooses its normalisation by it. */
  readonly channelName: string;
  /** Label names in order of value from 1; background and ignore are added. */
  readonly labels: readonly string[];
  /** Adds `ignore` as the highest value: voxels whose label is not trusted take no part in the loss. */
  readonly withIgnoreLabel: boolean;
  readonly trainingCases: number;
  readonly fileEnding: ".png" | ".nii.gz";
  /** Where the labels come from: plan id, model digests, date, share of accepted cases. Never patient data. */
  readonly provenance?: Readonly<Record<string, string | number | boolean>>;
}

export interface NnunetDatasetJson {
  readonly name: string;
  readonly channel_names: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, number>>;
  readonly numTraining: number;
  readonly file_ending: string;
  readonly samrefine_provenance?: Readonly<Record<string, string | number | boolean>>;
}

/**
 * Content of dataset.json of an nnU-Net v2 raw data set.
 * @throws RefineError `configuration` for no label, a repeated one, or one that is called background or ignore.
 * @see https://github.com/MIC-DKFZ/nnUNet/blob/master/documentation/dataset_format.md
 */
export function createNnunetDatasetJson(options: NnunetDatasetOptions): NnunetDatasetJson {
  const labels: Record<string, number> = { background: 0 };
  options.labels.forEach((label, index) => {
    if (label === "ignore" || label in labels) {
      throw new RefineError("configuration", `The label name "${label}" is reserved or used twice.`, {
        hint: "Give every label a name of its own.",
      });
    }
    labels[label] = index + 1;
  });
  if (options.labels.length === 0) throw new RefineError("configuration", "A data set needs at least one label.");
  if (options.withIgnoreLabel) labels.ignore = options.labels.length + 1;
  return {
    name: options.name,
    channel_names: { "0": options.channelName },
    labels,
    numTraining: options.trainingCases,
    file_ending: options.fileEnding,
    ...(options.provenance === undefined ? {} : { samrefine_provenance: options.provenance }),
  };
}

/** `imagesTr/case_0000.nii.gz` and `labelsTr/case.nii.gz`, relative to the data set's folder. */
export function nnunetPaths(
  caseId: string,
  fileEnding: string,
  part: "Tr" | "Ts" = "Tr",
): { readonly image: string; readonly label: string } {
  return { image: `images${part}/${caseId}_0000${fileEnding}`, label: `labels${part}/${caseId}${fileEnding}` };
}
