import { type CodedConcept, type DatasetSource, RefineError } from "@samrefine/core";
import { parseManifest, type SegmentationManifest, type SeriesRule, sha256Hex } from "@samrefine/models";
import { EXPORTED_INPUT, EXPORTED_OUTPUT } from "../network/export-model.ts";
import { activationOf } from "../recipes/segmentation-loss.ts";
import type { TrainingResult } from "../run/train.ts";

export const MODEL_FILE = "model.onnx";

/** How a label of the data set is shown and coded, by its name there. */
export interface LabelDescription {
  readonly name: string;
  /** Shown to users; default the name. */
  readonly label?: string | undefined;
  readonly colorRgb?: readonly [number, number, number] | undefined;
  readonly category?: CodedConcept | undefined;
  readonly type?: CodedConcept | undefined;
}

/** What a person has to say about a model beyond what the run knows. */
export interface ModelDescription {
  readonly id: string;
  readonly version: string;
  readonly title: string;
  readonly licence: string;
  /** Where the training data come from. */
  readonly source: string;
  readonly labels: readonly LabelDescription[];
  readonly appliesTo: readonly SeriesRule[];
  /** Limits a user must know, one sentence each; printed on the card. */
  readonly limits: readonly string[];
}

const ANATOMICAL_STRUCTURE: CodedConcept = { value: "91723000", scheme: "SCT", meaning: "Anatomical Structure" };

/** Colours that stay apart for colour-blind readers (Okabe and Ito), without black. */
const COLORS = [
  [230, 159, 0],
  [86, 180, 233],
  [0, 158, 115],
  [240, 228, 66],
  [0, 114, 178],
  [213, 94, 0],
  [204, 121, 167],
] as const;

/**
 * The manifest by which predict and the viewer use the trained model, checked against the schema.
 * @throws RefineError `configuration` for a description of a label that the data set does not have.
 */
export async function trainedModelManifest(
  result: TrainingResult,
  dataset: Pick<DatasetSource, "labels" | "name">,
  description: ModelDescription,
): Promise<SegmentationManifest> {
  const { grid, channels, intensity, loss } = result.configuration;
  const known = dataset.labels.map(({ name }) => name);
  const stranger = description.labels.find(({ name }) => !known.includes(name));
  if (stranger) {
    throw new RefineError("configuration", `"${stranger.name}" is described but is no label of ${dataset.name}.`, {
      hint: `Its labels are: ${known.join(", ")}.`,
    });
  }
  const manifest = parseManifest(
    {
      schema: "samrefine-model/1",
      id: description.id,
      version: description.version,
      title: description.title,
      task: "semantic-segmentation",
      files: [
        { role: "model", url: MODEL_FILE, sha256: await sha256Hex(result.model), bytes: result.model.byteLength },
      ],
      licence: description.licence,
      source: description.source,
      tensors: { input: EXPORTED_INPUT, output: EXPORTED_OUTPUT },
      input: { rows: grid.rows, columns: grid.columns, channels },
      intensity,
      activation: activationOf(loss.kind),
      labels: dataset.labels.map(({ name }, index) => {
        const own = description.labels.find((label) => label.name === name);
        return {
          number: index + 1,
          label: own?.label ?? name,
          colorRgb: own?.colorRgb ?? COLORS[index % COLORS.length],
          category: own?.category ?? ANATOMICAL_STRUCTURE,
          type: own?.type ?? { value: privateCode(name), scheme: "99SAMREFINE", meaning: name },
        };
      }),
      appliesTo: description.appliesTo,
      trainedOn: result.trainingCaseIds,
    },
    "of the trained model",
  );
  return manifest as SegmentationManifest;
}

/** DICOM Code Value holds 16 characters. */
function privateCode(name: string): string {
  return name
    .toUpperCase()
    .replaceAll(/[^A-Z0-9]+/g, "_")
    .slice(0, 16);
}
