import { RefineError } from "@samrefine/core";
import type { SegmentationManifest } from "@samrefine/models";

/** A network with the cases it was trained on, as its manifest lists them. */
export interface TrainedNetwork {
  readonly manifest: Pick<SegmentationManifest, "id" | "trainedOn">;
}

export interface UnseenCases<N extends TrainedNetwork> {
  /** The model to calibrate first, then the networks of its folds. */
  readonly networks: readonly [N, ...N[]];
  readonly ids: readonly string[];
  /** Whether the cases are of the part that teaches, so that a network that does not say what it saw cannot be believed. */
  readonly areLabeled: boolean;
}

/**
 * For every case the first network that was not trained on it. Predictions on training cases are too good: they would make
 * every refinement look worse than it is.
 * @throws RefineError `configuration` naming the cases that every network has seen, or a network that does not say.
 */
export function unseenNetworks<N extends TrainedNetwork>(task: UnseenCases<N>): ReadonlyMap<string, N> {
  const { networks, ids, areLabeled } = task;
  const silent = networks.find(({ manifest }) => manifest.trainedOn === undefined);
  if (areLabeled && silent !== undefined) {
    throw new RefineError(
      "configuration",
      `The manifest of ${silent.manifest.id} does not say which cases it was trained on, so labelled cases cannot be used.`,
      { hint: 'List them as "trainedOn" in the manifest (an empty list when none), or use --cases val.' },
    );
  }
  const found = new Map<string, N>();
  for (const id of ids) {
    const network = networks.find(({ manifest }) => manifest.trainedOn?.includes(id) !== true);
    if (network !== undefined) found.set(id, network);
  }
  const seen = ids.filter((id) => !found.has(id));
  if (seen.length === 0) return found;
  throw new RefineError(
    "configuration",
    `${networks[0].manifest.id} was trained on ${seen.length} of the ${ids.length} cases (${seen.slice(0, 5).join(", ")}${seen.length > 5 ? ", …" : ""}); its predictions there are too good to choose by.`,
    {
      hint: "Use --cases val, or train K networks that each leave some of the cases out and give them with --fold.",
      details: { cases: seen },
    },
  );
}
