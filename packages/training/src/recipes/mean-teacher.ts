import { imageTensor } from "../data/batch.ts";
import { meanSquaredError } from "../loss/mean-squared-error.ts";
import { sigmoid } from "../operator/sigmoid.ts";
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
  usesUnlabeled: true,
  networkCount: 1,
  compose: (context) =>
    semiSupervised(context, {
      terms({ graph, teacher, declare, answer, scalarInput }) {
        const { supervised, views } = answer([declare("unlabeled")]);
        const teacherView = declare("teacherView");
        const expected = graph.withoutGradient(() => sigmoid(graph, teacher(teacherView)));
        const value = meanSquaredError(graph, sigmoid(graph, views[0]!), expected);
        return { supervised, added: { consistency: { value, weight: scalarInput("consistencyWeight") } } };
      },
      feeds: ({ step, samples, weight }) => ({
        unlabeled: imageTensor(samples, context.grid),
        teacherView: noisyImages(samples, context, context.random.fork(`teacher ${step}`)),
        consistencyWeight: weight,
      }),
    }),
};
