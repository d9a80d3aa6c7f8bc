import { imageTensor } from "../data/batch.ts";
import { cutMix, drawCutBox } from "../data/cut-mix.ts";
import { strongView, UNIMATCH_VIEW } from "../data/strong-view.ts";
import type { Graph, Tensor } from "../graph/graph.ts";
import { add, concatenate, multiply, subtract } from "../graph/primitives.ts";
import { sliceBatch } from "../operator/slice-batch.ts";
import { weightedSum } from "../operator/weighted-sum.ts";
import { type ConfidentLabels, confidentLabels } from "./confident-labels.ts";
import { SSL4MIS } from "./published.ts";
import type { Recipe } from "./recipe.ts";
import { segmentationLoss } from "./segmentation-loss.ts";
import { semiSupervised } from "./semi-supervised.ts";

/** The weight is constant, and without a teacher there are no passes of it. */
const NO_TEACHER = { weight: 1, confidence: 0.95, teacherPasses: 1, noise: 0, entropyWeight: 0, start: 0 };
/** Share of the feature channels that the perturbed view loses. */
const FEATURE_DROPOUT = 0.5;

/**
 * UniMatch (methods.md 3.6): the confident prediction for a weakly changed image labels three views of it: two strongly changed
 * ones with a box of another image pasted in (CutMix; the box brings its image's label along), and the weak one with half of
 * its feature channels dropped. L + w·(0.25·L1 + 0.25·L2 + 0.5·Lf); w is constant, since confidence decides what counts.
 */
export const unimatch: Recipe = {
  name: "unimatch",
  summary: "as fixmatch with two strong views, CutMix and dropped features",
  defaults: { consistency: { ...NO_TEACHER, strongView: "varied" } },
  paper: {
    ...SSL4MIS,
    batchSize: 4,
    unlabeledBatchSize: 4,
    consistency: { ...NO_TEACHER, strongView: "color-jitter" },
  },
  usesUnlabeled: true,
  networkCount: 1,
  compose(context) {
    const { activation, configuration, random, grid } = context;
    const { batchSize, unlabeledBatchSize: count, loss, consistency } = configuration;
    return semiSupervised(context, {
      terms({ graph, student, input, declare, answer }) {
        const weak = declare("weakView");
        const strong = [declare("strongView0"), declare("strongView1")];
        const boxes = strong.map((_, view) => input(`cutBoxes${view}`, [count, 1, grid.rows, grid.columns]));
        const { confidence } = consistency;
        const labels = confidentLabels(graph, () => student(weak), { confidence, activation });
        const perturbed = { from: batchSize + 2 * count, probability: FEATURE_DROPOUT };
        const { supervised, views } = answer([...strong, weak], 0, perturbed);
        const mixed = boxes.map((box) =>
          graph.withoutGradient(() => ({
            label: pasteNext(graph, labels.label, box, count),
            certain: pasteNext(graph, labels.certain, box, count),
          })),
        );
        const agreement = (view: number, { label, certain }: ConfidentLabels): Tensor => {
          const { kind } = loss;
          const { total, terms } = segmentationLoss(graph, views[view]!, label, { kind, pixelWeights: certain });
          // With a softmax as published: Dice alone.
          return kind === "ce-dice" ? terms.dice! : total;
        };
        const value = weightedSum(graph, [
          { value: agreement(0, mixed[0]!), weight: 0.25 },
          { value: agreement(1, mixed[1]!), weight: 0.25 },
          { value: agreement(2, labels), weight: 0.5 },
        ]);
        return { supervised, added: { consistency: { value, weight: consistency.weight } } };
      },
      feeds({ step, samples: weak }) {
        const views = [0, 1].map((view) => {
          const draw = random.fork(`strong ${step} ${view}`);
          const boxes = weak.map((_, index) => drawCutBox(grid, draw.fork(`box ${index}`)));
          const jittered = weak.map(({ planes }, index) => ({
            planes: strongView(planes, UNIMATCH_VIEW, consistency.strongView, grid, draw.fork(`grey ${index}`)),
          }));
          return {
            [`strongView${view}`]: imageTensor(cutMix(jittered, boxes), grid),
            [`cutBoxes${view}`]: imageTensor(
              boxes.map((box) => ({ planes: [box] })),
              grid,
            ),
          };
        });
        return { weakView: imageTensor(weak, grid), ...views[0], ...views[1] };
      },
    });
  },
};

/** Image i with the values of image i + 1 (the first after the last) where box i is 1: what `cutMix` does to the pixels. */
function pasteNext(graph: Graph, values: Tensor, box: Tensor, count: number): Tensor {
  const next =
    count === 1
      ? values
      : concatenate(graph, [sliceBatch(graph, values, 1, count), sliceBatch(graph, values, 0, 1)], 0);
  return add(graph, values, multiply(graph, box, subtract(graph, next, values)));
}
