import { convolution } from "../operator/convolution.ts";
import { instanceNorm } from "../operator/instance-norm.ts";
import { leakyRelu } from "../operator/leaky-relu.ts";
import { heNormal, ONE, ZERO } from "./initialisers.ts";
import type { Network } from "./network.ts";
import { type UnetOptions, type UnetStage, unet } from "./unet.ts";

/**
 * The U-Net of methods.md 1.3: a stage is twice [convolution 3 × 3 without bias, instance norm, leaky ReLU 0.01]; the head is
 * a 1 × 1 convolution. 64 channels wide as published, 16 by default.
 */
export function scbUnet(options: UnetOptions): Network {
  return unet("scb-unet", options, { down: doubleConvolution, up: doubleConvolution, headKernel: 1 });
}

const doubleConvolution: UnetStage = (graph, parameters, { name, input, channels }) => {
  let x = input;
  for (const half of ["first", "second"]) {
    const inputs = x.shape[1]!;
    const weight = parameters.trained(`${name}.${half}.weight`, [channels, inputs, 3, 3], heNormal(inputs * 9));
    const gamma = parameters.trained(`${name}.${half}.gamma`, [channels], ONE);
    const beta = parameters.trained(`${name}.${half}.beta`, [channels], ZERO);
    x = leakyRelu(graph, instanceNorm(graph, convolution(graph, x, weight), gamma, beta));
  }
  return x;
};
