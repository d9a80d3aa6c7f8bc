import { presetPlan, type RefinementPlan } from "@samrefine/core";
import { imageTensor, scalarTensor } from "../data/batch.ts";
import { rampUp } from "../schedule/schedule.ts";
import { guidedStream } from "./guided-stream.ts";
import { SSL4MIS } from "./published.ts";
import type { Recipe } from "./recipe.ts";
import { segmentationLoss } from "./segmentation-loss.ts";
import { semiSupervised } from "./semi-supervised.ts";
import { strongViews } from "./unlabeled-stream.ts";

/** The box of ACDC, 10 px on a grid of 256, for our grid of 128. */
const BOX: RefinementPlan = {
  ...presetPlan("samatch-fix-acdc"),
  id: "samatch-box",
  note: "The largest box of a class grown by 5 px, meant for a grid of 128. For training, not for annotation.",
  passes: [{ box: { marginPixels: 5, marginFraction: 0, edges: "exclusive" }, maskInput: "none", maskScale: 1 }],
};

/**
 * SAM-Match (methods.md 3.6) with a frozen SAM: the prediction for an unlabelled image gives one box per label, SAM's mask of
 * the box is the label of a strongly changed view of the same pixels. A label that was not predicted has no box and does not
 * count. The weight is ramped up over the run.
 */
export const samatch: Recipe = {
  name: "samatch",
  summary: "SAM's masks of predicted boxes label strongly changed views of unlabelled images",
  defaults: { guidance: { weight: 0.1, plan: BOX } },
  paper: {
    ...SSL4MIS,
    batchSize: 2,
    unlabeledBatchSize: 2,
    guidance: { weight: 0.1, plan: presetPlan("samatch-fix-acdc") },
  },
  usesUnlabeled: true,
  usesPromptable: true,
  networkCount: 1,
  compose(context) {
    const { grid, configuration } = context;
    const { loss, steps } = configuration;
    const guided = guidedStream(context);
    return semiSupervised(context, {
      terms({ graph, input, declare, answer, scalarInput }) {
        const opinion = guided.declare(input);
        const { supervised, views } = answer([declare("strongView")]);
        const { total } = segmentationLoss(graph, views[0]!, opinion.target, {
          kind: loss.kind,
          pixelWeights: opinion.heard,
        });
        return { supervised, added: { sam: { value: total, weight: scalarInput("samWeight") } } };
      },
      feeds: async ({ step, samples, predict }) => ({
        strongView: imageTensor(strongViews(samples, context, step), grid),
        ...(await guided.feeds(step, samples, predict)),
        samWeight: scalarTensor(guided.weight * rampUp(step, steps)),
      }),
    });
  },
};
