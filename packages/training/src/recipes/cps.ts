import { imageTensor } from "../data/batch.ts";
import type { Tensor } from "../graph/graph.ts";
import { greaterMask } from "../graph/primitives.ts";
import { binaryCrossEntropy } from "../loss/binary-cross-entropy.ts";
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
  usesUnlabeled: true,
  networkCount: 2,
  compose: (context) =>
    semiSupervised(context, {
      terms({ graph, declare, answer, scalarInput }) {
        const unlabeled = declare("unlabeled");
        const [first, second] = [answer([unlabeled], 0), answer([unlabeled], 1)];
        const hard = (logits: Tensor): Tensor =>
          graph.withoutGradient(() => greaterMask(graph, logits, graph.scalar(0)));
        const [ofFirst, ofSecond] = [first.views[0]!, second.views[0]!];
        const weight = scalarInput("consistencyWeight");
        return {
          supervised: first.supervised,
          added: {
            second: { value: second.supervised.total, weight: 1 },
            cross: { value: binaryCrossEntropy(graph, ofFirst, hard(ofSecond)), weight },
            crossOfSecond: { value: binaryCrossEntropy(graph, ofSecond, hard(ofFirst)), weight },
          },
        };
      },
      feeds: ({ samples, weight }) => ({
        unlabeled: imageTensor(samples, context.grid),
        consistencyWeight: weight,
      }),
    }),
};
