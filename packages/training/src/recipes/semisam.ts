import { presetPlan, type RefinementPlan } from "@samrefine/core";
import { imageTensor, scalarTensor } from "../data/batch.ts";
import { probabilitiesOf } from "../loss/activation.ts";
import { meanSquaredError } from "../loss/mean-squared-error.ts";
import { rampUp } from "../schedule/schedule.ts";
import { guidedStream } from "./guided-stream.ts";
import { SSL4MIS } from "./published.ts";
import type { Recipe } from "./recipe.ts";
import { semiSupervised } from "./semi-supervised.ts";
import { noisyImages } from "./unlabeled-stream.ts";

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
  paper: {
    ...SSL4MIS,
    steps: 6000,
    batchSize: 1,
    unlabeledBatchSize: 3,
    grid: { rows: 128, columns: 128 },
    schedule: { kind: "step", at: [2500 / 6000, 5000 / 6000], factor: 0.1 },
    averageDecay: 0.99,
    augmentation: { turnOrRotate: { turn: 1, rotate: 0, degrees: 0 }, outside: "zero" },
    guidance: { weight: 0.05, plan: CLICKS },
  },
  usesUnlabeled: true,
  usesPromptable: true,
  networkCount: 1,
  compose(context) {
    const { activation, grid, random, configuration } = context;
    const { steps } = configuration;
    const guided = guidedStream(context);
    return semiSupervised(context, {
      terms({ graph, teacher, input, declare, answer, scalarInput }) {
        const { supervised, views } = answer([declare("unlabeled")]);
        const teacherView = declare("teacherView");
        const opinion = guided.declare(input);
        const prediction = probabilitiesOf(graph, views[0]!, activation);
        const expected = graph.withoutGradient(() => probabilitiesOf(graph, teacher(teacherView), activation));
        const consistency = meanSquaredError(graph, prediction, expected);
        const sam = meanSquaredError(graph, prediction, opinion.target, opinion.heard);
        return {
          supervised,
          added: {
            consistency: { value: consistency, weight: scalarInput("consistencyWeight") },
            sam: { value: sam, weight: scalarInput("samWeight") },
          },
        };
      },
      feeds: async ({ step, samples, weight, predict }) => ({
        unlabeled: imageTensor(samples, grid),
        teacherView: noisyImages(samples, context, random.fork(`teacher ${step}`)),
        consistencyWeight: weight,
        ...(await guided.feeds(step, samples, predict)),
        samWeight: scalarTensor(guided.weight * rampUp(steps - step, steps)),
      }),
    });
  },
};
