import { imageTensor } from "../data/batch.ts";
import { concatenate } from "../graph/primitives.ts";
import { meanSquaredError } from "../loss/mean-squared-error.ts";
import { sigmoid } from "../operator/sigmoid.ts";
import { sliceBatch } from "../operator/slice-batch.ts";
import { weightedSum } from "../operator/weighted-sum.ts";
import { labeledStream } from "./labeled-stream.ts";
import type { Recipe } from "./recipe.ts";
import { segmentationLoss } from "./segmentation-loss.ts";
import { noisyImages, unlabeledStream } from "./unlabeled-stream.ts";

/**
 * Mean teacher (methods.md 5.1): the student also has to agree, on unlabelled images, with the moving average of its own
 * weights that sees the image with noise: L + w(t) · mean (p_student - p_teacher)².
 */
export const meanTeacher: Recipe = {
  name: "mean-teacher",
  summary: "agreement with a moving average of the weights on unlabelled images",
  defaults: { averageDecay: 0.99 },
  usesUnlabeled: true,
  networkCount: 1,
  compose(context) {
    const { configuration, positiveWeights, random } = context;
    const labeled = labeledStream(context);
    const unlabeled = unlabeledStream(context);
    const { batchSize, unlabeledBatchSize, loss } = configuration;
    return {
      buildLoss({ graph, student, teacher, input, scalarInput }) {
        const { image, target, pixelWeights } = labeled.declare(input);
        const view = unlabeled.declare(input, "unlabeled");
        const teacherView = unlabeled.declare(input, "teacherView");
        const logits = student(concatenate(graph, [image, view], 0));
        const supervisedPart = sliceBatch(graph, logits, 0, batchSize);
        const freePart = sliceBatch(graph, logits, batchSize, batchSize + unlabeledBatchSize);
        const supervised = segmentationLoss(graph, supervisedPart, target, {
          kind: loss.kind,
          positiveWeights,
          pixelWeights,
        });
        const expected = graph.withoutGradient(() => sigmoid(graph, teacher(teacherView)));
        const consistency = meanSquaredError(graph, sigmoid(graph, freePart), expected);
        return {
          total: weightedSum(graph, [
            { value: supervised.total, weight: 1 },
            { value: consistency, weight: scalarInput("consistencyWeight") },
          ]),
          terms: { ...supervised.terms, consistency },
        };
      },
      feeds(step) {
        const base = labeled.feeds(step);
        const samples = unlabeled.samples(step);
        return {
          inputs: {
            ...base.inputs,
            unlabeled: imageTensor(samples, context.grid),
            teacherView: noisyImages(samples, context, random.fork(`teacher ${step}`)),
            consistencyWeight: unlabeled.weight(step),
          },
          samples: base.samples,
        };
      },
    };
  },
};
