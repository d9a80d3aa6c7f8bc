import { elementCount, type Graph, type Tensor } from "../graph/graph.ts";
import { add, divide, meanAll, multiply, reduceSum, scale, subtract } from "../graph/primitives.ts";

export interface SoftDiceOptions {
  /** "plain": Σp + Σg. "squared": Σp² + Σg², as methods.md 2.2 and 3.6 have it. */
  readonly denominator: "plain" | "squared";
  /** What one ratio is computed over: the pixels of one image ("image") or of the whole batch ("batch"), per class. */
  readonly over: "image" | "batch";
  /** Added to numerator and denominator. */
  readonly smooth: number;
  /** [N, 1, rows, columns] or [N, C, rows, columns]; 0 leaves the pixel out of all sums. */
  readonly pixelWeights?: Tensor;
}

/**
 * Soft Dice loss: 1 - mean of r, r = (2·Σp·g + s) / (D + s), D = Σp + Σg or Σp² + Σg².
 *
 * dp = dy · m · (r·D' - 2g) / ((D + s)·K), D' = 1 or 2p, K = number of ratios, m = pixel weight
 *
 * @param probabilities [N, C, rows, columns]
 * @param target same shape, 0..1
 */
export function softDice(graph: Graph, probabilities: Tensor, target: Tensor, options: SoftDiceOptions): Tensor {
  const { denominator, over, smooth, pixelWeights } = options;
  const axes = over === "image" ? [2, 3] : [0, 2, 3];
  const weighted = (value: Tensor): Tensor => (pixelWeights ? multiply(graph, value, pixelWeights) : value);
  const total = (value: Tensor): Tensor => reduceSum(graph, weighted(value), axes, true);
  const mass = (value: Tensor): Tensor => total(denominator === "squared" ? multiply(graph, value, value) : value);

  const overlap = total(multiply(graph, probabilities, target));
  const numerator = add(graph, scale(graph, overlap, 2), graph.scalar(smooth));
  const divisor = add(graph, add(graph, mass(probabilities), mass(target)), graph.scalar(smooth));
  const ratio = divide(graph, numerator, divisor);
  const loss = subtract(graph, graph.scalar(1), meanAll(graph, ratio));
  return graph.record(loss, [
    {
      input: probabilities,
      gradient: (dy) => {
        const ofDivisor = denominator === "squared" ? multiply(graph, scale(graph, probabilities, 2), ratio) : ratio;
        const slope = subtract(graph, ofDivisor, scale(graph, target, 2));
        const factor = divide(graph, scale(graph, dy, 1 / elementCount(ratio.shape)), divisor);
        return weighted(multiply(graph, slope, factor));
      },
    },
  ]);
}
