import { add, divide, multiply, scale, subtract, unary } from "../graph/primitives.ts";
import type { Optimiser } from "./optimiser.ts";

export interface AdamWOptions {
  readonly beta1?: number;
  readonly beta2?: number;
  readonly epsilon?: number;
  /** Decoupled decay of all parameters. Default 0, as methods.md 1.4 has it. */
  readonly weightDecay?: number;
}

/**
 * AdamW (Loshchilov and Hutter 2019).
 *
 * m ← β₁m + (1 - β₁)g, v ← β₂v + (1 - β₂)g², θ ← θ - η·( (m/c₁) / (√(v/c₂) + ε) + λθ ), cᵢ = 1 - βᵢ^(step + 1)
 */
export function adamW({ beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, weightDecay = 0 }: AdamWOptions = {}): Optimiser {
  return {
    name: "adamw",
    stateNames: ["firstMoment", "secondMoment"],
    scalars: (step) => ({
      firstCorrection: 1 / (1 - beta1 ** (step + 1)),
      secondCorrection: 1 / (1 - beta2 ** (step + 1)),
    }),
    update(graph, { parameters, gradient, state, learningRate, scalars }) {
      const [first, second] = state;
      const m = add(graph, scale(graph, first!, beta1), scale(graph, gradient, 1 - beta1));
      const v = add(graph, scale(graph, second!, beta2), scale(graph, multiply(graph, gradient, gradient), 1 - beta2));
      const root = unary(graph, "Sqrt", multiply(graph, v, scalars.secondCorrection!));
      const adapted = divide(
        graph,
        multiply(graph, m, scalars.firstCorrection!),
        add(graph, root, graph.scalar(epsilon)),
      );
      const direction = weightDecay === 0 ? adapted : add(graph, adapted, scale(graph, parameters, weightDecay));
      return { parameters: subtract(graph, parameters, multiply(graph, direction, learningRate)), state: [m, v] };
    },
  };
}
