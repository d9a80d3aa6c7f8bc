import { imageTensor } from "../data/batch.ts";
import { probabilitiesOf } from "../loss/activation.ts";
import { meanSquaredError } from "../loss/mean-squared-error.ts";
import { SSL4MIS } from "./published.ts";
import type { Recipe } from "./recipe.ts";
import { semiSupervised } from "./semi-supervised.ts";
import { noisyImages } from "./unlabeled-stream.ts";

/**
 * Mean teacher (methods.md 5.1): the student also has to agree, on unlabelled images, with the moving average of its own
 * weights that sees the image with noise: L + w(t) · mean (p_student - p_teacher)².
 */
export const meanTeacher: Recipe = {
  name: "mean-teacher",
  summary: "agreement with a moving average of the weights on unlabelled images",
  defaults: { averageDecay: 0.99 },
  paper: {
    ...SSL4MIS,
    averageDecay: 0.99,
    // 0 in the first 1,000 of 30,000 steps.
    consistency: { ...SSL4MIS.consistency, start: 1 / 30 },
  },
  usesUnlabeled: true,
  networkCount: 1,
  compose: (context) =>
    semiSupervised(context, {
      terms({ graph, teacher, declare, answer, scalarInput }) {
        const { activation } = context;
        const { supervised, views } = answer([declare("unlabeled")]);
        const teacherView = declare("teacherView");
        const expected = graph.withoutGradient(() => probabilitiesOf(graph, teacher(teacherView), activation));
        const value = meanSquaredError(graph, probabilitiesOf(graph, views[0]!, activation), expected);
        return { supervised, added: { consistency: { value, weight: scalarInput("consistencyWeight") } } };
      },
      feeds: ({ step, samples, weight }) => ({
        unlabeled: imageTensor(samples, context.grid),
        teacherView: noisyImages(samples, context, context.random.fork(`teacher ${step}`)),
        consistencyWeight: weight,
      }),
    }),
};
