import { imageTensor } from "../data/batch.ts";
import { confidentLabels } from "./confident-labels.ts";
import { SSL4MIS } from "./published.ts";
import type { Recipe } from "./recipe.ts";
import { segmentationLoss } from "./segmentation-loss.ts";
import { semiSupervised } from "./semi-supervised.ts";
import { strongViews } from "./unlabeled-stream.ts";

/**
 * FixMatch (methods.md 3.5): the prediction for a weakly changed image, where it is confident, is the label of a strongly
 * changed view of the same pixels.
 */
export const fixmatch: Recipe = {
  name: "fixmatch",
  summary: "confident predictions label strongly changed views of unlabelled images",
  defaults: {},
  paper: { ...SSL4MIS, batchSize: 2, unlabeledBatchSize: 2 },
  usesUnlabeled: true,
  networkCount: 1,
  compose(context) {
    const { activation, configuration } = context;
    const { loss, consistency } = configuration;
    return semiSupervised(context, {
      terms({ graph, student, declare, answer, scalarInput }) {
        const weak = declare("weakView");
        const { confidence } = consistency;
        const { label, certain } = confidentLabels(graph, () => student(weak), { confidence, activation });
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
