import { RefineError } from "@samrefine/core";

export interface MsdDatasetOptions {
  readonly name: string;
  readonly description: string;
  /** Who the data comes from, e.g. a paper. */
  readonly reference: string;
  readonly licence: string;
  /** E.g. ["CT"]; several for images with channels. */
  readonly modalities: readonly string[];
  /** Label names in order of value from 1. */
  readonly labels: readonly string[];
  readonly trainingCases: readonly string[];
  readonly testCases: readonly string[];
}

export interface MsdDatasetJson {
  readonly name: string;
  readonly description: string;
  readonly reference: string;
  readonly licence: string;
  readonly release: string;
  readonly tensorImageSize: "3D" | "4D";
  readonly modality: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  readonly numTraining: number;
  readonly numTest: number;
  readonly training: readonly { readonly image: string; readonly label: string }[];
  readonly test: readonly string[];
}

/**
 * Content of dataset.json of a Medical Segmentation Decathlon task, whose files are `imagesTr/<case>.nii.gz`,
 * `labelsTr/<case>.nii.gz` and `imagesTs/<case>.nii.gz`; MONAI and nnU-Net's converter read it.
 * @throws RefineError `configuration` for a case that trains and tests, or for no label or modality.
 * @see http://medicaldecathlon.com
 */
export function createMsdDatasetJson(options: MsdDatasetOptions): MsdDatasetJson {
  const { trainingCases, testCases, modalities, labels } = options;
  const both = trainingCases.find((id) => testCases.includes(id));
  if (both !== undefined || labels.length === 0 || modalities.length === 0) {
    const message = both === undefined ? "A task needs a label and a modality." : `Case ${both} trains and tests.`;
    throw new RefineError("configuration", message, { hint: "Correct the description of the data set." });
  }
  const numbered = (names: readonly string[], from: number): Readonly<Record<string, string>> =>
    Object.fromEntries(names.map((name, index) => [String(index + from), name]));
  return {
    name: options.name,
    description: options.description,
    reference: options.reference,
    licence: options.licence,
    release: "1.0",
    tensorImageSize: modalities.length > 1 ? "4D" : "3D",
    modality: numbered(modalities, 0),
    labels: { "0": "background", ...numbered(labels, 1) },
    numTraining: trainingCases.length,
    numTest: testCases.length,
    training: trainingCases.map((id) => ({ image: `./imagesTr/${id}.nii.gz`, label: `./labelsTr/${id}.nii.gz` })),
    test: testCases.map((id) => `./imagesTs/${id}.nii.gz`),
  };
}
