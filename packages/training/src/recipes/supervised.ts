import { labeledStream } from "./labeled-stream.ts";
import { BURDEN } from "./published.ts";
import type { Recipe } from "./recipe.ts";
import { segmentationLoss } from "./segmentation-loss.ts";

/** The labelled cases alone (methods.md 1.4, initial training). */
export const supervised: Recipe = {
  name: "supervised",
  summary: "the labelled cases alone",
  defaults: {},
  paper: { ...BURDEN, steps: 1050, validation: { every: 1050, cases: 1000 } },
  usesUnlabeled: false,
  networkCount: 1,
  compose(context) {
    const { configuration, positiveWeights } = context;
    const stream = labeledStream(context);
    return {
      buildLoss({ graph, student, input }) {
        const { image, target, pixelWeights } = stream.declare(input);
        const { kind } = configuration.loss;
        return segmentationLoss(graph, student(image), target, { kind, positiveWeights, pixelWeights });
      },
      feeds: (step) => stream.feeds(step),
    };
  },
};
