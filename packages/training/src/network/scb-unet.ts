import { RefineError } from "@samrefine/core";
import type { Graph, Tensor } from "../graph/graph.ts";
import { concatenateChannels } from "../operator/concatenate-channels.ts";
import { convolution } from "../operator/convolution.ts";
import { instanceNorm } from "../operator/instance-norm.ts";
import { leakyRelu } from "../operator/leaky-relu.ts";
import { maxPool } from "../operator/max-pool.ts";
import { transposedConvolution } from "../operator/transposed-convolution.ts";
import type { Network, ParameterSource } from "./network.ts";

export interface ScbUnetOptions {
  readonly inputChannels: number;
  readonly outputChannels: number;
  /** Channels of the first stage; every stage down doubles them. 64 as published, 16 by default. */
  readonly width?: number;
  /** Stages including the bottom one. 5 as published. */
  readonly levels?: number;
}

/**
 * The U-Net of methods.md 1.3: per stage twice [convolution 3 × 3 without bias, instance norm, leaky ReLU 0.01]; max pooling
 * down; transposed 2 × 2 convolution up, joined as [skip, up]; a 1 × 1 convolution to the classes. Weights start as He normal
 * (fan-in), biases at 0.
 */
export function scbUnet({ inputChannels, outputChannels, width = 16, levels = 5 }: ScbUnetOptions): Network {
  for (const [name, value] of Object.entries({ inputChannels, outputChannels, width, levels })) {
    if (!Number.isInteger(value) || value < 1) {
      throw new RefineError("configuration", `${name} of a U-Net must be a positive integer; found ${value}.`);
    }
  }
  const channelsAt = (level: number): number => width * 2 ** level;
  return {
    id: `scb-unet/width=${width}/levels=${levels}/in=${inputChannels}/out=${outputChannels}`,
    inputChannels,
    outputChannels,
    divisor: 2 ** (levels - 1),
    apply(graph, parameters, image) {
      const skips: Tensor[] = [];
      let x = image;
      for (let level = 0; level < levels; level++) {
        x = graph.inScope(`down${level}`, () =>
          doubleConvolution(graph, parameters, `down${level}`, level === 0 ? x : maxPool(graph, x), channelsAt(level)),
        );
        skips.push(x);
      }
      for (let level = levels - 2; level >= 0; level--) {
        x = graph.inScope(`up${level}`, () => {
          const up = upConvolution(graph, parameters, `up${level}.transposed`, x, channelsAt(level));
          const joined = concatenateChannels(graph, skips[level]!, up);
          return doubleConvolution(graph, parameters, `up${level}`, joined, channelsAt(level));
        });
      }
      return graph.inScope("head", () => {
        const weight = parameters("head.weight", [outputChannels, width, 1, 1], heNormal(width));
        return convolution(graph, x, weight, parameters("head.bias", [outputChannels], ZERO));
      });
    },
  };
}

const ZERO = { kind: "constant", value: 0 } as const;
const ONE = { kind: "constant", value: 1 } as const;

function heNormal(fanIn: number) {
  return { kind: "normal", standardDeviation: Math.sqrt(2 / fanIn) } as const;
}

function doubleConvolution(
  graph: Graph,
  parameters: ParameterSource,
  name: string,
  input: Tensor,
  channels: number,
): Tensor {
  let x = input;
  for (const half of ["first", "second"]) {
    const inputs = x.shape[1]!;
    const weight = parameters(`${name}.${half}.weight`, [channels, inputs, 3, 3], heNormal(inputs * 9));
    const gamma = parameters(`${name}.${half}.gamma`, [channels], ONE);
    const beta = parameters(`${name}.${half}.beta`, [channels], ZERO);
    x = leakyRelu(graph, instanceNorm(graph, convolution(graph, x, weight), gamma, beta));
  }
  return x;
}

function upConvolution(graph: Graph, parameters: ParameterSource, name: string, x: Tensor, channels: number): Tensor {
  const inputs = x.shape[1]!;
  const weight = parameters(`${name}.weight`, [inputs, channels, 2, 2], heNormal(inputs));
  return transposedConvolution(graph, x, weight, parameters(`${name}.bias`, [channels], ZERO));
}
