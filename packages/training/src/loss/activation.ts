import { marginLogits } from "@samrefine/core";
import type { Graph, Tensor } from "../graph/graph.ts";
import { greaterMask, reduceMax, subtract } from "../graph/primitives.ts";
import { sigmoid } from "../operator/sigmoid.ts";
import { softmax } from "../operator/softmax.ts";

/** How logits become probabilities: labels that are independent, or one choice among the background (channel 0) and the labels. */
export type Activation = "sigmoid" | "softmax";

/** Channels of a network's output. */
export function channelCount(labelCount: number, activation: Activation): number {
  return activation === "softmax" ? labelCount + 1 : labelCount;
}

/** Logits [N, channels, rows, columns] to probabilities of the same shape; gradients flow. */
export function probabilitiesOf(graph: Graph, logits: Tensor, activation: Activation): Tensor {
  return activation === "softmax" ? softmax(graph, logits) : sigmoid(graph, logits);
}

/** What the logits say, 0 or 1 in their shape and without gradient: p > 0.5 per channel, or the most probable channel. */
export function hardLabels(graph: Graph, logits: Tensor, activation: Activation): Tensor {
  return graph.withoutGradient(() => {
    if (activation === "sigmoid") return greaterMask(graph, logits, graph.scalar(0));
    const largest = reduceMax(graph, logits, [1], true);
    return subtract(graph, graph.scalar(1), greaterMask(graph, largest, logits));
  });
}

/** What a network says of one label, per pixel. */
export interface LabelPlane {
  /** Positive where the label is. Of a softmax: how far it is ahead of the strongest other, see `marginLogits`. */
  readonly logits: Float32Array;
  readonly probability: Float32Array;
}

/** The same for the logits of one image outside a graph, planar [channel][pixel]. */
export function labelPlanes(logits: Float32Array, labelCount: number, activation: Activation): readonly LabelPlane[] {
  const plane = logits.length / channelCount(labelCount, activation);
  const channels = Array.from({ length: logits.length / plane }, (_, channel) =>
    logits.subarray(channel * plane, (channel + 1) * plane),
  );
  if (activation === "sigmoid") {
    return channels.map((values) => ({ logits: values, probability: values.map((z) => 1 / (1 + Math.exp(-z))) }));
  }
  const largest = channels.reduce((most, values) => most.map((z, pixel) => Math.max(z, values[pixel]!)));
  const exponentials = channels.map((values) => values.map((z, pixel) => Math.exp(z - largest[pixel]!)));
  const sum = exponentials.reduce((total, values) => total.map((value, pixel) => value + values[pixel]!));
  return marginLogits(channels).map((margin, label) => ({
    logits: margin,
    probability: exponentials[label + 1]!.map((value, pixel) => value / sum[pixel]!),
  }));
}
