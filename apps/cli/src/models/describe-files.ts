import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { RefineError } from "@samrefine/core";
import {
  frameFit,
  type ModelFile,
  type ModelManifest,
  type PromptableFamily,
  parseManifest,
  recogniseDecoder,
  sha256Hex,
} from "@samrefine/models";
import { inspectModel, type ModelDescription, type TensorDescription } from "@samrefine/models/onnx";

/** A manifest to be completed, and what could not be read from the files. */
export interface DescribedModel {
  readonly manifest: ModelManifest;
  /** In words: what is a guess, or must be filled in. */
  readonly remarks: readonly string[];
}

interface ReadModel {
  readonly path: string;
  readonly file: Omit<ModelFile, "role">;
  readonly description: ModelDescription;
}

const samPixels = {
  mean: [123.675, 116.28, 103.53],
  standardDeviation: [58.395, 57.12, 57.375],
} as const;

/**
 * Reads ONNX files and writes down what they say of themselves: one file is taken for a U-Net, two for encoder and decoder
 * of a promptable model, whose family shows in the decoder's tensor names.
 *
 * @throws RefineError `configuration` for another number of files, `model-manifest` for files that are no such model.
 */
export async function describeFiles(paths: readonly string[]): Promise<DescribedModel> {
  const models = await Promise.all(paths.map(readModel));
  const [first, second] = models;
  if (first && !second) return describeUnet(first);
  if (first && second && models.length === 2) return describePromptable(first, second);
  throw new RefineError("configuration", `${paths.length} files were given; one (a U-Net) or two (a SAM) are needed.`);
}

async function readModel(path: string): Promise<ReadModel> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
  } catch (cause) {
    throw new RefineError("configuration", `${path} cannot be read: ${(cause as Error).message}`, { cause });
  }
  return {
    path,
    file: { url: basename(path), sha256: await sha256Hex(bytes), bytes: bytes.length },
    description: inspectModel(bytes, path),
  };
}

function describePromptable(a: ReadModel, b: ReadModel): DescribedModel {
  const familyOf = ({ description }: ReadModel): PromptableFamily | undefined =>
    recogniseDecoder({ inputs: namesOf(description.inputs) });
  // In either order: only one of them takes points.
  const [encoder, decoder] = familyOf(a) ? [b, a] : [a, b];
  const family = familyOf(decoder);
  if (!family) {
    throw new RefineError(
      "model-manifest",
      `Neither file is a decoder of a known family: ${a.path} takes ${namesOf(a.description.inputs).join(", ")}; ${b.path} takes ${namesOf(b.description.inputs).join(", ")}.`,
      { hint: "docs/manifest.md lists the families with the tensors that tell them apart." },
    );
  }
  const [input, output] = [encoder.description.inputs[0], encoder.description.outputs[0]];
  const isInterleaved = input?.dims.length === 3;
  const frame = numberAt(input, -1) ?? 1024;
  const isEfficient = family === "efficient-sam";
  const names = {
    family,
    ...(family === "sam-official" || family === "sam-cut"
      ? {
          encoder: {
            input: input?.name ?? "",
            output: output?.name ?? "",
            ...(isInterleaved ? { layout: "interleaved" as const } : {}),
          },
        }
      : {}),
  };
  const manifest = parseManifest(
    {
      ...skeleton("promptable-segmentation", decoder),
      ...names,
      files: [
        { role: "encoder", ...encoder.file },
        { role: "decoder", ...decoder.file },
      ],
      frame: isInterleaved ? 1024 : frame,
      lowRes: numberAt(find(decoder.description.inputs, "mask_input"), -1) ?? 256,
      ...(isEfficient
        ? { mean: [0, 0, 0], standardDeviation: [255, 255, 255] }
        : isInterleaved
          ? { mean: [0, 0, 0], standardDeviation: [1, 1, 1] }
          : samPixels),
    },
    "the described files",
  );
  return {
    manifest,
    remarks: [
      `The decoder's tensors are those of the family "${family}", which is taken to be ${frameFit({ family }) === "stretch" ? "stretched" : "letterboxed"}.`,
      "Names do not tell pixels: mean and standardDeviation are those of the family's own weights. MedSAM and LiteMedSAM have the same tensors and other pixels (docs/manifest.md).",
      ...(isInterleaved ? ["The encoder takes [rows, columns, 3]: it is taken to normalise and pad by itself."] : []),
      ...fillIn,
    ],
  };
}

function describeUnet(model: ReadModel): DescribedModel {
  const { inputs, outputs } = model.description;
  const [input, output] = [inputs[0], outputs[0]];
  const channels = numberAt(output, 1);
  if (inputs.length !== 1 || input?.dims.length !== 4 || output?.dims.length !== 4 || !channels) {
    throw new RefineError(
      "model-manifest",
      `${model.path} is no 2D U-Net: it takes ${inputs.map(shapeOf).join(", ")} and gives ${outputs.map(shapeOf).join(", ")}.`,
      { hint: "A U-Net takes [N, channels, rows, columns] and gives [N, labels, rows, columns]." },
    );
  }
  const [rows, columns] = [numberAt(input, 2), numberAt(input, 3)];
  const manifest = parseManifest(
    {
      ...skeleton("semantic-segmentation", model),
      files: [{ role: "model", ...model.file }],
      tensors: { input: input.name, output: output.name },
      input: { rows: rows ?? 256, columns: columns ?? 256, channels: numberAt(input, 1) ?? 1 },
      intensity: { kind: "percentiles", lower: 1, upper: 99, scope: "image" },
      activation: "sigmoid",
      labels: Array.from({ length: channels }, (_, i) => ({
        number: i + 1,
        label: `Class ${i + 1}`,
        colorRgb: [80, 160, 255],
        category: { value: "91723000", scheme: "SCT", meaning: "Anatomical Structure" },
        type: { value: "", scheme: "SCT", meaning: "" },
      })),
      appliesTo: [],
    },
    "the described file",
  );
  return {
    manifest,
    remarks: [
      `The output has ${channels} channels: with sigmoid as many labels; with softmax one label less, the first channel being the background.`,
      ...(rows && columns ? [] : ["The input's size is free: put in the one that the network was trained on."]),
      "intensity, activation, the labels' names and codes, and appliesTo cannot be read from a graph.",
      ...fillIn,
    ],
  };
}

const fillIn = ["Fill in id, title, version, licence and source."];

function skeleton(task: ModelManifest["task"], { file }: ReadModel) {
  const id = file.url
    .replace(/\.onnx$/i, "")
    .toLowerCase()
    .replace(/[^a-z0-9.-]+/g, "-")
    .replace(/^[^a-z0-9]+/, "");
  return { schema: "samrefine-model/1", id: id || "model", version: "1", title: "", task, licence: "", source: "" };
}

function namesOf(tensors: readonly TensorDescription[]): string[] {
  return tensors.map(({ name }) => name);
}

function find(tensors: readonly TensorDescription[], name: string): TensorDescription | undefined {
  return tensors.find((tensor) => tensor.name === name);
}

/** A fixed size on an axis, counted from the end when negative; undefined when the axis is free. */
function numberAt(tensor: TensorDescription | undefined, axis: number): number | undefined {
  const size = tensor?.dims.at(axis);
  return typeof size === "number" && size > 0 ? size : undefined;
}

function shapeOf({ name, dims }: TensorDescription): string {
  return `${name} [${dims.join(", ")}]`;
}
