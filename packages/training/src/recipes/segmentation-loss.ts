import type { Graph, Tensor } from "../graph/graph.ts";
import { type Activation, probabilitiesOf } from "../loss/activation.ts";
import { binaryCrossEntropy } from "../loss/binary-cross-entropy.ts";
import { crossEntropy } from "../loss/cross-entropy.ts";
import { softDice } from "../loss/soft-dice.ts";
import { weightedSum } from "../operator/weighted-sum.ts";
import type { Loss } from "../run/training-step.ts";

/** "bce" and "bce-dice" are of independent labels, "ce-dice" of one choice among background and labels. */
export type SegmentationLossKind = "bce" | "bce-dice" | "ce-dice";

export interface SegmentationLossOptions {
  readonly kind: SegmentationLossKind;
  /** One per label; of "bce" and "bce-dice". */
  readonly positiveWeights?: readonly number[] | undefined;
  /** [N, 1, rows, columns], with independent labels also [N, C, rows, columns]. */
  readonly pixelWeights?: Tensor | undefined;
}

export function activationOf(kind: SegmentationLossKind): Activation {
  return kind === "ce-dice" ? "softmax" : "sigmoid";
}

/**
 * The loss of a prediction against labels, hard or soft:
 *
 * - bce: binary cross-entropy
 * - bce-dice: bce + soft Dice per label
 * - ce-dice: half of (cross-entropy + soft Dice over background and labels, Σp² + Σg² below), as methods.md 5.1 and 3.6
 *
 * Dice is over the batch: a slice without the label would make a ratio of its own that is all or nothing.
 */
export function segmentationLoss(graph: Graph, logits: Tensor, target: Tensor, options: SegmentationLossOptions): Loss {
  const { kind, positiveWeights, pixelWeights } = options;
  const weights = pixelWeights ? { pixelWeights } : {};
  const dice = (denominator: "plain" | "squared", smooth: number): Tensor => {
    const probabilities = probabilitiesOf(graph, logits, activationOf(kind));
    return softDice(graph, probabilities, target, { denominator, over: "batch", smooth, ...weights });
  };
  if (kind === "ce-dice") {
    const terms = { ce: crossEntropy(graph, logits, target, pixelWeights), dice: dice("squared", 1e-5) };
    const halves = Object.values(terms).map((value) => ({ value, weight: 0.5 }));
    return { total: weightedSum(graph, halves), terms };
  }
  const bce = binaryCrossEntropy(graph, logits, target, {
    ...weights,
    ...(positiveWeights && {
      positiveWeights: graph.constant(Float32Array.from(positiveWeights), [1, positiveWeights.length, 1, 1]),
    }),
  });
  if (kind === "bce") return { total: bce, terms: { bce } };
  const terms = { bce, dice: dice("plain", 1) };
  const total = weightedSum(
    graph,
    Object.values(terms).map((value) => ({ value, weight: 1 })),
  );
  return { total, terms };
}
