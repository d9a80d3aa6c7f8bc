import type { Graph, Tensor } from "../graph/graph.ts";
import { greaterMask, unary } from "../graph/primitives.ts";

/** What a prediction says, and where it may be believed; both 0 or 1 in the shape of the logits, without gradient. */
export interface ConfidentLabels {
  readonly label: Tensor;
  readonly certain: Tensor;
}

/** Confident means max(p, 1 - p) > c per channel, that is |z| > ln(c / (1 - c)). */
export function confidentLabels(graph: Graph, predict: () => Tensor, confidence: number): ConfidentLabels {
  const threshold = Math.log(confidence / (1 - confidence));
  return graph.withoutGradient(() => {
    const logits = predict();
    return {
      label: greaterMask(graph, logits, graph.scalar(0)),
      certain: greaterMask(graph, unary(graph, "Abs", logits), graph.scalar(threshold)),
    };
  });
}
