import { RefineError } from "@samrefine/core";
import {
  ancestorsOf,
  nodesBehind,
  nodesNeededFor,
  type Producers,
  producersOf,
  referencedNames,
} from "./graph-walk.ts";
import { decodeModel, encodeModel, type NodeProto, type ValueInfoProto } from "./model-proto.ts";

/** Inputs of the official decoder export that the cut graph keeps; `orig_im_size` goes. */
const keptInputs = ["image_embeddings", "point_coords", "point_labels", "mask_input", "has_mask_input"] as const;
/** Inputs whose first axis becomes the number of prompts. */
const batchedInputs: readonly string[] = ["point_coords", "point_labels", "mask_input"];
const maskTokens = 4;

/**
 * Cuts the official segment-anything decoder export down to what is wanted of it. The result takes `image_embeddings`
 * [1, 256, 64, 64], `point_coords` [prompts, points, 2], `point_labels` [prompts, points], `mask_input`
 * [prompts, 1, 256, 256] and `has_mask_input` [1], and gives `low_res_masks` [prompts, 4, 256, 256] and `iou_predictions`
 * [prompts, 4]: the raw logits and claims of all four mask tokens, with no choice among them and no resize in the graph.
 *
 * Both the single-mask export (the choice of a token is found and taken out) and the four-mask export are understood. The
 * tensors are found by structure, never by their generated names.
 *
 * @see segment_anything/utils/onnx.py (`SamOnnxModel.forward`, `select_masks`) for the sub-graph that is removed.
 * @throws RefineError `model-manifest` when the graph is not an official decoder export.
 */
export function cutSamDecoder(bytes: Uint8Array, origin = "the SAM decoder"): Uint8Array<ArrayBuffer> {
  const model = decodeModel(bytes, origin);
  const { graph } = model;
  const producers = producersOf(graph);
  for (const name of keptInputs) {
    if (!graph.input?.some((input) => input.name === name)) throw notADecoder(origin, `it has no input "${name}"`);
  }

  const masks = tensorBeforeSelection("low_res_masks", producers, origin);
  const ious = tensorBeforeSelection("iou_predictions", producers, origin);
  if (masks.selection?.argMax !== ious.selection?.argMax) {
    throw notADecoder(origin, "its masks and its IoU predictions are not chosen by the same token index");
  }
  // The choice is made from the very scores that become the new output; otherwise the wrong tensor was found.
  if (ious.selection && !ancestorsOf(ious.selection.argMax, producers).has(ious.tensor)) {
    throw notADecoder(origin, "the token is not chosen from its IoU predictions");
  }

  const live = nodesNeededFor([masks.tensor, ious.tensor], producers);
  const rename = new Map([
    [masks.tensor, "low_res_masks"],
    [ious.tensor, "iou_predictions"],
  ]);
  const renamed = (name: string) => rename.get(name) ?? name;
  const nodes = (graph.node ?? [])
    .filter((node) => live.has(node))
    .map((node) => ({
      ...node,
      input: (node.input ?? []).map(renamed),
      output: (node.output ?? []).map(renamed),
    }));
  const used = new Set(nodes.flatMap((node) => referencedNames(node)));

  const lowResSide = graph.input?.find((input) => input.name === "mask_input")?.type?.tensorType?.shape?.dim?.[2];
  return encodeModel({
    ...model,
    graph: {
      ...graph,
      node: nodes,
      initializer: (graph.initializer ?? []).filter((tensor) => used.has(tensor.name ?? "")),
      // Shapes inferred for a batch of one would contradict the freed axis.
      valueInfo: [],
      input: (graph.input ?? []).filter((input) => used.has(input.name ?? "")).map(freeBatchAxis),
      output: [
        floatTensor("low_res_masks", [
          "prompts",
          maskTokens,
          Number(lowResSide?.dimValue ?? 256),
          Number(lowResSide?.dimValue ?? 256),
        ]),
        floatTensor("iou_predictions", ["prompts", maskTokens]),
      ],
    },
  });
}

/** Operators between the four tokens and the chosen one that only re-arrange. */
const rearranging: ReadonlySet<string> = new Set(["Unsqueeze", "Squeeze", "Reshape", "Flatten", "Identity", "Cast"]);
const gathering: ReadonlySet<string> = new Set(["Gather", "GatherND", "GatherElements"]);

interface FoundTensor {
  readonly tensor: string;
  /** Absent when the export chooses no token (four-mask export). */
  readonly selection?: { readonly argMax: NodeProto };
}

/**
 * Follows the data path back from an output to the Gather that picks a token by an ArgMax, and then over the flattening
 * (tokens of all prompts in one axis) that `x[range, index]` is exported with.
 */
function tensorBeforeSelection(output: string, producers: Producers, origin: string): FoundTensor {
  let node = producers.get(output);
  if (!node) throw notADecoder(origin, `it has no output "${output}"`);
  while (node && rearranging.has(node.opType ?? "")) node = producers.get(node.input?.[0] ?? "");
  if (!node || !gathering.has(node.opType ?? "")) return { tensor: output };
  const index = producers.get(node.input?.[1] ?? "");
  const argMax = index && [...nodesBehind(index, producers)].find((candidate) => candidate.opType === "ArgMax");
  if (!argMax) return { tensor: output };
  const gathered = node.input?.[0] ?? "";
  const flatten = producers.get(gathered);
  const isFlattened = flatten?.opType === "Flatten" || (flatten?.opType === "Reshape" && node.opType === "Gather");
  return { tensor: isFlattened ? (flatten.input?.[0] ?? gathered) : gathered, selection: { argMax } };
}

function freeBatchAxis(input: ValueInfoProto): ValueInfoProto {
  const tensor = input.type?.tensorType;
  if (!batchedInputs.includes(input.name ?? "") || !tensor?.shape?.dim) return input;
  const dim = tensor.shape.dim.map((axis, index) => (index === 0 ? { dimParam: "prompts" } : axis));
  return { name: input.name ?? "", type: { tensorType: { elemType: tensor.elemType ?? 1, shape: { dim } } } };
}

function floatTensor(name: string, dims: readonly (number | string)[]): ValueInfoProto {
  const dim = dims.map((axis) => (typeof axis === "string" ? { dimParam: axis } : { dimValue: axis }));
  return { name, type: { tensorType: { elemType: 1, shape: { dim } } } };
}

function notADecoder(origin: string, reason: string): RefineError {
  return new RefineError("model-manifest", `${origin} is not an official SAM decoder export: ${reason}.`, {
    hint: "Use a decoder made by segment-anything's export_onnx_model.py, or name the right family in the manifest.",
    details: { origin, reason },
  });
}
