import type { Graph, Tensor } from "../graph/graph.ts";
import { binaryCrossEntropy } from "../loss/binary-cross-entropy.ts";
import { softDice } from "../loss/soft-dice.ts";
import { sigmoid } from "../operator/sigmoid.ts";
import { weightedSum } from "../operator/weighted-sum.ts";
import type { Loss } from "../run/training-step.ts";

export interface SegmentationLossOptions {
  readonly kind: "bce" | "bce-dice";
  /** One per class. */
  readonly positiveWeights?: readonly number[] | undefined;
  readonly pixelWeights?: Tensor | undefined;
}

/** The supervised loss of independent sigmoid channels: BCE, or BCE + soft Dice per class over the batch. */
export function segmentationLoss(
  graph: Graph,
  logits: Tensor,
  target: Tensor,
  { kind, positiveWeights, pixelWeights }: SegmentationLossOptions,
): Loss {
  const weights = pixelWeights ? { pixelWeights } : {};
  const bce = binaryCrossEntropy(graph, logits, target, {
    ...weights,
    ...(positiveWeights && {
      positiveWeights: graph.constant(Float32Array.from(positiveWeights), [1, positiveWeights.length, 1, 1]),
    }),
  });
  if (kind === "bce") return { total: bce, terms: { bce } };
  // Over the batch: a slice without the class would make a ratio of its own that is all or nothing.
  const dice = softDice(graph, sigmoid(graph, logits), target, {
    denominator: "plain",
    over: "batch",
    smooth: 1,
    ...weights,
  });
  const total = weightedSum(graph, [
    { value: bce, weight: 1 },
    { value: dice, weight: 1 },
  ]);
  return { total, terms: { bce, dice } };
}
