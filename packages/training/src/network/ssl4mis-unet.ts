import { batchNorm } from "../operator/batch-norm.ts";
import { convolution } from "../operator/convolution.ts";
import { dropout } from "../operator/dropout.ts";
import { leakyRelu } from "../operator/leaky-relu.ts";
import { heNormal, ONE, ZERO } from "./initialisers.ts";
import type { Network } from "./network.ts";
import { type UnetOptions, type UnetStage, unet } from "./unet.ts";

/** Dropout of the stages on the way down, top to bottom; deeper ones repeat the last. */
const DROPOUT = [0.05, 0.1, 0.2, 0.3, 0.5];

/**
 * The U-Net of the semi-supervised benchmarks (methods.md 3.3): a stage is [convolution 3 × 3, batch norm, leaky ReLU, dropout,
 * convolution 3 × 3, batch norm, leaky ReLU], dropout on the way down only; the head is a 3 × 3 convolution.
 */
export function ssl4misUnet(options: UnetOptions): Network {
  return unet("ssl4mis-unet", options, {
    down: (graph, parameters, stage) =>
      block(DROPOUT[Math.min(stage.level, DROPOUT.length - 1)]!)(graph, parameters, stage),
    up: block(0),
    headKernel: 3,
  });
}

function block(probability: number): UnetStage {
  return (graph, parameters, { name, input, channels }) => {
    let x = input;
    for (const half of ["first", "second"]) {
      const prefix = `${name}.${half}`;
      const inputs = x.shape[1]!;
      const weight = parameters.trained(`${prefix}.weight`, [channels, inputs, 3, 3], heNormal(inputs * 9));
      const bias = parameters.trained(`${prefix}.bias`, [channels], ZERO);
      const { y, next } = batchNorm(graph, convolution(graph, x, weight, bias), {
        gamma: parameters.trained(`${prefix}.gamma`, [channels], ONE),
        beta: parameters.trained(`${prefix}.beta`, [channels], ZERO),
        runningMean: parameters.carried(`${prefix}.mean`, [channels], ZERO),
        runningVariance: parameters.carried(`${prefix}.variance`, [channels], ONE),
      });
      // Only the pass that trains the network moves its statistics, not a look at it without gradient.
      if (next && graph.isRecording) {
        parameters.carry(`${prefix}.mean`, next.mean);
        parameters.carry(`${prefix}.variance`, next.variance);
      }
      x = leakyRelu(graph, y);
      if (half === "first") x = dropout(graph, x, probability);
    }
    return x;
  };
}
