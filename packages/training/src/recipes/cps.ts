import { imageTensor } from "../data/batch.ts";
import type { Tensor } from "../graph/graph.ts";
import { hardLabels } from "../loss/activation.ts";
import { binaryCrossEntropy } from "../loss/binary-cross-entropy.ts";
import { crossEntropy } from "../loss/cross-entropy.ts";
import { SSL4MIS } from "./published.ts";
import type { Recipe } from "./recipe.ts";
import { semiSupervised } from "./semi-supervised.ts";

/**
 * Cross pseudo supervision (methods.md 5.1): two differently initialised networks, each trained on the labels and, with weight
 * w(t), on the other's hard prediction for the unlabelled images. The first is exported.
 */
export const cps: Recipe = {
  name: "cps",
  summary: "two networks that teach each other on unlabelled images",
  defaults: {},
  paper: SSL4MIS,
  usesUnlabeled: true,
  networkCount: 2,
  compose: (context) =>
    semiSupervised(context, {
      terms({ graph, declare, answer, scalarInput }) {
        const unlabeled = declare("unlabeled");
        const [first, second] = [answer([unlabeled], 0), answer([unlabeled], 1)];
        const { activation } = context;
        const entropyOf = activation === "softmax" ? crossEntropy : binaryCrossEntropy;
        const against = (logits: Tensor, other: Tensor): Tensor =>
          entropyOf(graph, logits, hardLabels(graph, other, activation));
        const [ofFirst, ofSecond] = [first.views[0]!, second.views[0]!];
        const weight = scalarInput("consistencyWeight");
        return {
          supervised: first.supervised,
          added: {
            second: { value: second.supervised.total, weight: 1 },
            cross: { value: against(ofFirst, ofSecond), weight },
            crossOfSecond: { value: against(ofSecond, ofFirst), weight },
          },
        };
      },
      feeds: ({ samples, weight }) => ({
        unlabeled: imageTensor(samples, context.grid),
        consistencyWeight: weight,
      }),
    }),
};
