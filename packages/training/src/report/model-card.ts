import type { DatasetSource } from "@samrefine/core";
import type { SegmentationManifest } from "@samrefine/models";
import type { TrainingConfiguration } from "../run/configuration.ts";
import type { TrainingResult } from "../run/train.ts";
import type { ModelDescription } from "./model-package.ts";

export interface ModelCardInput {
  readonly result: TrainingResult;
  readonly dataset: Pick<DatasetSource, "name">;
  readonly description: ModelDescription;
  readonly manifest: SegmentationManifest;
  /** The command that trains it anew. */
  readonly command: string;
}

/** The README.md of a model, filled in from the run: every number on it was measured by the run. */
export function modelCard({ result, dataset, description, manifest, command }: ModelCardInput): string {
  const { configuration, network, trainingCaseIds, validationCaseIds, final } = result;
  const { grid, channels, augmentation, optimiser, loss } = configuration;
  const file = manifest.files[0]!;
  const lines = [
    `# ${description.title}`,
    "",
    "**Research use only. Not a medical device; not for diagnosis or treatment.**",
    "",
    "| | |",
    "|---|---|",
    `| Model | \`${manifest.id}\` ${manifest.version} |`,
    `| Labels | ${manifest.labels.map(({ label, type }) => `${label} (${type.scheme} ${type.value}, ${type.meaning})`).join("; ")} |`,
    `| Network | \`${network.id}\`, ${(file.bytes / 1e6).toFixed(2)} MB |`,
    `| Input | ${channels === 1 ? "one image" : `${channels} neighbouring slices`}, stretched to ${grid.rows} × ${grid.columns}; intensities: ${inWords(configuration.intensity)} |`,
    `| Training data | ${dataset.name}, ${trainingCaseIds.length} labelled cases: ${trainingCaseIds.join(", ")} |`,
    `| Source | ${description.source} |`,
    `| Licence | ${description.licence} |`,
    `| Recipe | ${configuration.recipe}, ${configuration.steps} steps of ${configuration.batchSize}, ${optimiser.kind} ${configuration.learningRate}, loss ${lossInWords(loss)}, seed ${configuration.seed} |`,
    `| Augmentation | ${inWords(augmentation)} |`,
    `| SHA-256 | \`${file.sha256}\` |`,
    "",
    "## Validation",
    "",
    ...measured(result),
    ...(final && validationCaseIds.length > 0
      ? [
          "",
          `Dice per case at the image's own resolution, averaged over the ${validationCaseIds.length} validation cases. The step (${result.chosenStep} of ${configuration.steps}) was chosen by the first ${Math.min(validationCaseIds.length, configuration.validation.cases)} of the same cases, so the numbers are slightly favourable.`,
        ]
      : []),
    "",
    ...(description.limits.length > 0 ? ["## Limits", "", ...description.limits.map((limit) => `- ${limit}`), ""] : []),
    "## Made by",
    "",
    "```sh",
    command,
    "```",
    "",
    result.secondsPerStep === undefined
      ? `Run by: ${result.backend}.`
      : `Run by: ${result.backend}; ${result.secondsPerStep.toFixed(2)} s per step (median).`,
    "",
  ];
  return lines.join("\n");
}

function measured({ final }: TrainingResult): readonly string[] {
  if (!final) return ["Nothing: the data set has no validation cases."];
  const rows = final.perLabel.map(({ name, dice }, label) => {
    const values = final.cases.flatMap((current) => current.dice[label] ?? []);
    const range = values.length > 0 ? `${Math.min(...values).toFixed(3)} to ${Math.max(...values).toFixed(3)}` : "–";
    return `| ${name} | ${dice === null ? "–" : dice.toFixed(3)} | ${range} | ${values.length} |`;
  });
  return ["| label | mean Dice | range | cases |", "|---|---|---|---|", ...rows];
}

function lossInWords({ kind, positiveWeight, positiveWeightLimit }: TrainingConfiguration["loss"]): string {
  return positiveWeight === "none" ? kind : `${kind} with ${positiveWeight} foreground up to ${positiveWeightLimit}`;
}

function inWords(value: object): string {
  const parts = Object.entries(value).map(
    ([key, part]) => `${key} ${typeof part === "object" && part !== null ? `(${inWords(part)})` : part}`,
  );
  return parts.length > 0 ? parts.join(", ") : "none";
}
