import type { Graph, Tensor } from "../graph/graph.ts";
import { greaterMask, reduceMax, unary } from "../graph/primitives.ts";
import { type Activation, hardLabels, probabilitiesOf } from "../loss/activation.ts";

/** What a prediction says, in the shape of the logits, and where it may be believed; both 0 or 1, without gradient. */
export interface ConfidentLabels {
  readonly label: Tensor;
  /** Per channel where labels are independent, otherwise [N, 1, rows, columns]. */
  readonly certain: Tensor;
}

/**
 * Confident means max(p, 1 - p) > c per channel, that is |z| > ln(c / (1 - c)), or the largest p > c with a softmax.
 */
export function confidentLabels(
  graph: Graph,
  predict: () => Tensor,
  { confidence, activation }: { readonly confidence: number; readonly activation: Activation },
): ConfidentLabels {
  return graph.withoutGradient(() => {
    const logits = predict();
    return { label: hardLabels(graph, logits, activation), certain: certain(logits) };
  });

  function certain(logits: Tensor): Tensor {
    if (activation === "sigmoid") {
      return greaterMask(graph, unary(graph, "Abs", logits), graph.scalar(Math.log(confidence / (1 - confidence))));
    }
    const largest = reduceMax(graph, probabilitiesOf(graph, logits, activation), [1], true);
    return greaterMask(graph, largest, graph.scalar(confidence));
  }
}
