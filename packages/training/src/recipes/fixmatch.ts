import { imageTensor } from "../data/batch.ts";
import { confidentLabels } from "./confident-labels.ts";
import type { Recipe } from "./recipe.ts";
import { segmentationLoss } from "./segmentation-loss.ts";
import { semiSupervised } from "./semi-supervised.ts";
import { strongViews } from "./unlabeled-stream.ts";

/**
 * FixMatch (methods.md 3.5): the prediction for a weakly changed image, where it is confident, is the label of a strongly
 * changed view of the same pixels. Confident means max(p, 1 - p) above the threshold, per channel.
 */
export const fixmatch: Recipe = {
  name: "fixmatch",
  summary: "confident predictions label strongly changed views of unlabelled images",
  defaults: {},
  usesUnlabeled: true,
  networkCount: 1,
  compose(context) {
    const { loss, consistency } = context.configuration;
    return semiSupervised(context, {
      terms({ graph, student, declare, answer, scalarInput }) {
        const weak = declare("weakView");
        const { label, certain } = confidentLabels(graph, () => student(weak), consistency.confidence);
        const { supervised, views } = answer([declare("strongView")]);
        const { total } = segmentationLoss(graph, views[0]!, label, { kind: loss.kind, pixelWeights: certain });
        return { supervised, added: { consistency: { value: total, weight: scalarInput("consistencyWeight") } } };
      },
      feeds: ({ step, samples, weight }) => ({
        weakView: imageTensor(samples, context.grid),
        strongView: imageTensor(strongViews(samples, context, step), context.grid),
        consistencyWeight: weight,
      }),
    });
  },
};
