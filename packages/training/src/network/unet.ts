import { RefineError } from "@samrefine/core";
import type { Graph, Tensor } from "../graph/graph.ts";
import { concatenateChannels } from "../operator/concatenate-channels.ts";
import { convolution } from "../operator/convolution.ts";
import { dropChannels } from "../operator/drop-channels.ts";
import { maxPool } from "../operator/max-pool.ts";
import { transposedConvolution } from "../operator/transposed-convolution.ts";
import { heNormal, ZERO } from "./initialisers.ts";
import type { Network, ParameterSource } from "./network.ts";

export interface UnetOptions {
  readonly inputChannels: number;
  readonly outputChannels: number;
  /** Channels of the first stage; every stage down doubles them. Default 16. */
  readonly width?: number;
  /** Stages including the bottom one. Default 5. */
  readonly levels?: number;
}

/** What one stage does to its input: `channels` come out, rows and columns stay. */
export type UnetStage = (
  graph: Graph,
  parameters: ParameterSource,
  stage: { readonly name: string; readonly input: Tensor; readonly channels: number; readonly level: number },
) => Tensor;

/**
 * The frame that our U-Nets share: stages joined by 2 × 2 max pooling on the way down; on the way up a transposed 2 × 2
 * convolution that halves the channels, joined as [skip, up]; a last convolution to the classes. Weights start as He normal,
 * biases at 0.
 */
export function unet(
  kind: string,
  { inputChannels, outputChannels, width = 16, levels = 5 }: UnetOptions,
  { down, up, headKernel }: { readonly down: UnetStage; readonly up: UnetStage; readonly headKernel: 1 | 3 },
): Network {
  for (const [name, value] of Object.entries({ inputChannels, outputChannels, width, levels })) {
    if (!Number.isInteger(value) || value < 1) {
      throw new RefineError("configuration", `${name} of a U-Net must be a positive integer; found ${value}.`);
    }
  }
  const channelsAt = (level: number): number => width * 2 ** level;
  return {
    id: `${kind}/width=${width}/levels=${levels}/in=${inputChannels}/out=${outputChannels}`,
    inputChannels,
    outputChannels,
    divisor: 2 ** (levels - 1),
    apply(graph, parameters, image, perturbation) {
      const skips: Tensor[] = [];
      let x = image;
      for (let level = 0; level < levels; level++) {
        const name = `down${level}`;
        x = graph.inScope(name, () => {
          const input = level === 0 ? x : maxPool(graph, x);
          return down(graph, parameters, { name, input, channels: channelsAt(level), level });
        });
        skips.push(x);
      }
      const features = perturbation ? skips.map((skip) => dropChannels(graph, skip, perturbation)) : skips;
      x = features[levels - 1]!;
      for (let level = levels - 2; level >= 0; level--) {
        const name = `up${level}`;
        const channels = channelsAt(level);
        x = graph.inScope(name, () => {
          const inputs = x.shape[1]!;
          const weight = parameters.trained(`${name}.transposed.weight`, [inputs, channels, 2, 2], heNormal(inputs));
          const bias = parameters.trained(`${name}.transposed.bias`, [channels], ZERO);
          const input = concatenateChannels(graph, features[level]!, transposedConvolution(graph, x, weight, bias));
          return up(graph, parameters, { name, input, channels, level });
        });
      }
      return graph.inScope("head", () => {
        const shape = [outputChannels, width, headKernel, headKernel];
        const weight = parameters.trained("head.weight", shape, heNormal(width * headKernel ** 2));
        return convolution(graph, x, weight, parameters.trained("head.bias", [outputChannels], ZERO));
      });
    },
  };
}
