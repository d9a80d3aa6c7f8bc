import { presetPlan, type RefinementPlan } from "@samrefine/core";
import { imageTensor } from "../data/batch.ts";
import { concatenate } from "../graph/primitives.ts";
import { meanSquaredError } from "../loss/mean-squared-error.ts";
import { sigmoid } from "../operator/sigmoid.ts";
import { sliceBatch } from "../operator/slice-batch.ts";
import { weightedSum } from "../operator/weighted-sum.ts";
import { rampUp } from "../schedule/schedule.ts";
import { guidedStream } from "./guided-stream.ts";
import { labeledStream } from "./labeled-stream.ts";
import type { Recipe } from "./recipe.ts";
import { segmentationLoss } from "./segmentation-loss.ts";
import { noisyImages, unlabeledStream } from "./unlabeled-stream.ts";

/**
 * Ten clicks on the prediction. The method clicks one after the other where SAM's answer and the prediction differ; here all
 * ten are given at once, half inside the prediction and half around it.
 */
const CLICKS: RefinementPlan = {
  ...presetPlan("msd-points-5"),
  id: "semisam-clicks",
  note: "Ten random clicks on the prediction, half of them background. For training, not for annotation.",
  passes: [
    {
      foreground: "random",
      foregroundCount: 5,
      background: "random",
      backgroundCount: 5,
      maskInput: "none",
      maskScale: 1,
    },
  ],
};

/**
 * SemiSAM (methods.md 2.2) on a mean teacher: on unlabelled images the student also has to agree with the mask that SAM
 * makes of the student's own prediction: L + w(t)·MSE(student, teacher) + v(t)·MSE(student, SAM), v falling from its largest
 * value to e^-5 of it: SAM guides early, the teacher late. The published code prompts with the reference labels of the
 * unlabelled images; here only the prediction is used (methods.md 2.3).
 */
export const semisam: Recipe = {
  name: "semisam",
  summary: "mean teacher, and agreement with SAM's masks of the network's own predictions",
  defaults: { averageDecay: 0.99, guidance: { weight: 0.05, plan: CLICKS } },
  usesUnlabeled: true,
  usesPromptable: true,
  networkCount: 1,
  compose(context) {
    const { configuration, positiveWeights, random } = context;
    const labeled = labeledStream(context);
    const unlabeled = unlabeledStream(context);
    const guided = guidedStream(context);
    const { batchSize, unlabeledBatchSize, loss, steps } = configuration;
    return {
      buildLoss({ graph, student, teacher, input, scalarInput }) {
        const { image, target, pixelWeights } = labeled.declare(input);
        const view = unlabeled.declare(input, "unlabeled");
        const teacherView = unlabeled.declare(input, "teacherView");
        const opinion = guided.declare(input);
        const logits = student(concatenate(graph, [image, view], 0));
        const supervised = segmentationLoss(graph, sliceBatch(graph, logits, 0, batchSize), target, {
          kind: loss.kind,
          positiveWeights,
          pixelWeights,
        });
        const prediction = sigmoid(graph, sliceBatch(graph, logits, batchSize, batchSize + unlabeledBatchSize));
        const expected = graph.withoutGradient(() => sigmoid(graph, teacher(teacherView)));
        const consistency = meanSquaredError(graph, prediction, expected);
        const sam = meanSquaredError(graph, prediction, opinion.target, opinion.heard);
        return {
          total: weightedSum(graph, [
            { value: supervised.total, weight: 1 },
            { value: consistency, weight: scalarInput("consistencyWeight") },
            { value: sam, weight: scalarInput("samWeight") },
          ]),
          terms: { ...supervised.terms, consistency, sam },
        };
      },
      async feeds(step, predict) {
        const base = labeled.feeds(step);
        const samples = unlabeled.samples(step);
        const samWeight = guided.weight * rampUp(steps - step, steps);
        return {
          inputs: {
            ...base.inputs,
            unlabeled: imageTensor(samples, context.grid),
            teacherView: noisyImages(samples, context, random.fork(`teacher ${step}`)),
            consistencyWeight: unlabeled.weight(step),
            ...(await guided.feeds(step, samples, predict)),
            samWeight: { data: Float32Array.of(samWeight), dims: [1] },
          },
          samples: base.samples,
        };
      },
    };
  },
};
