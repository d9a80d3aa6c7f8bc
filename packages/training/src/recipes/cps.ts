import { imageTensor } from "../data/batch.ts";
import { concatenate, greaterMask } from "../graph/primitives.ts";
import { binaryCrossEntropy } from "../loss/binary-cross-entropy.ts";
import { sliceBatch } from "../operator/slice-batch.ts";
import { weightedSum } from "../operator/weighted-sum.ts";
import { labeledStream } from "./labeled-stream.ts";
import type { Recipe } from "./recipe.ts";
import { segmentationLoss } from "./segmentation-loss.ts";
import { unlabeledStream } from "./unlabeled-stream.ts";

/**
 * Cross pseudo supervision (methods.md 5.1): two differently initialised networks, each trained on the labels and, with weight
 * w(t), on the other's hard prediction for the unlabelled images. The first is exported.
 */
export const cps: Recipe = {
  name: "cps",
  summary: "two networks that teach each other on unlabelled images",
  defaults: {},
  usesUnlabeled: true,
  networkCount: 2,
  compose(context) {
    const { configuration, positiveWeights } = context;
    const labeled = labeledStream(context);
    const unlabeled = unlabeledStream(context);
    const { batchSize, unlabeledBatchSize, loss } = configuration;
    return {
      buildLoss({ graph, student, input, scalarInput }) {
        const { image, target, pixelWeights } = labeled.declare(input);
        const both = concatenate(graph, [image, unlabeled.declare(input, "unlabeled")], 0);
        const parts = [0, 1].map((index) => {
          const logits = student(both, index);
          const free = sliceBatch(graph, logits, batchSize, batchSize + unlabeledBatchSize);
          const supervised = segmentationLoss(graph, sliceBatch(graph, logits, 0, batchSize), target, {
            kind: loss.kind,
            positiveWeights,
            pixelWeights,
          });
          return { free, supervised, hard: graph.withoutGradient(() => greaterMask(graph, free, graph.scalar(0))) };
        });
        const [first, second] = parts as [(typeof parts)[0], (typeof parts)[0]];
        const crossFirst = binaryCrossEntropy(graph, first.free, second.hard);
        const crossSecond = binaryCrossEntropy(graph, second.free, first.hard);
        const weight = scalarInput("consistencyWeight");
        return {
          total: weightedSum(graph, [
            { value: first.supervised.total, weight: 1 },
            { value: second.supervised.total, weight: 1 },
            { value: crossFirst, weight },
            { value: crossSecond, weight },
          ]),
          terms: { ...first.supervised.terms, cross: crossFirst },
        };
      },
      feeds(step) {
        const base = labeled.feeds(step);
        return {
          inputs: {
            ...base.inputs,
            unlabeled: imageTensor(unlabeled.samples(step), context.grid),
            consistencyWeight: unlabeled.weight(step),
          },
          samples: base.samples,
        };
      },
    };
  },
};
