import { add, multiply, scale, subtract } from "../graph/primitives.ts";
import type { Optimiser } from "./optimiser.ts";

export interface SgdOptions {
  readonly momentum?: number;
  /** Added to the gradient (L2), as PyTorch's SGD does. */
  readonly weightDecay?: number;
}

/** Stochastic gradient descent with momentum: g ← g + λθ, m ← μm + g, θ ← θ - η·m. */
export function sgd({ momentum = 0.9, weightDecay = 1e-4 }: SgdOptions = {}): Optimiser {
  return {
    name: "sgd",
    stateNames: ["momentum"],
    scalars: () => ({}),
    update(graph, { parameters, gradient, state, learningRate }) {
      const decayed = weightDecay === 0 ? gradient : add(graph, gradient, scale(graph, parameters, weightDecay));
      const m = add(graph, scale(graph, state[0]!, momentum), decayed);
      return { parameters: subtract(graph, parameters, multiply(graph, m, learningRate)), state: [m] };
    },
  };
}
