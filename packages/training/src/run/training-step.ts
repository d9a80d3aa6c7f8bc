import type { Random } from "@samrefine/core";
import { Graph, type RandomMask, type Shape, type Tensor } from "../graph/graph.ts";
import { concatenate, reshape } from "../graph/primitives.ts";
import { type Network, type ParameterLayout, parameterLayout } from "../network/network.ts";
import { flattenGradients, initialParameters, parametersFromVector, withCarriedValues } from "../network/parameters.ts";
import type { FeaturePerturbation } from "../operator/drop-channels.ts";
import { clipByGlobalNorm, globalNorm } from "../optimiser/gradient-clipping.ts";
import { updateMovingAverage } from "../optimiser/moving-average.ts";
import type { Optimiser } from "../optimiser/optimiser.ts";

/** What a recipe builds its loss from. Images are [N, channels, rows, columns]. */
export interface LossContext {
  readonly graph: Graph;
  /** Logits of the trained network(s) by index; gradients flow. Recipes with one network use 0. */
  student(image: Tensor, index?: number, perturbation?: FeaturePerturbation): Tensor;
  /** Logits by the moving average of the parameters; no gradient. Asking for it makes the run keep an average. */
  teacher(image: Tensor): Tensor;
  /** Declares a batch input, fed at every step. */
  input(name: string, shape: Shape): Tensor;
  /** Declares a scalar that changes from step to step, as a tensor of shape []. */
  scalarInput(name: string): Tensor;
}

export interface Loss {
  /** Scalar; what is minimised. */
  readonly total: Tensor;
  /** Scalars to report, e.g. the parts of the total. */
  readonly terms: Readonly<Record<string, Tensor>>;
}

export interface TrainingStepSpec {
  readonly networks: readonly Network[];
  readonly buildLoss: (context: LossContext) => Loss;
  readonly optimiser: Optimiser;
  /** Largest norm of the gradient; undefined leaves it as it is. */
  readonly clipNorm?: number | undefined;
  /** Keeps a moving average of the parameters even when the loss does not use it. */
  readonly keepAverage: boolean;
  /** Hands the gradient out, for tests. */
  readonly outputGradient?: boolean;
}

/**
 * One step as a model file. Graph inputs: `parameters`, the optimiser's state and, with an average, `average` (each a flat
 * vector); `learningRate`, the optimiser's scalars and `averageDecay` (each [1]); and the inputs of the loss. Outputs: the
 * new vectors as `next.<name>`, `loss`, `gradientNorm` and `term.<name>` (scalars).
 */
export interface TrainingStep {
  readonly model: Uint8Array;
  /** Names of the state vectors, parameters first. */
  readonly stateNames: readonly string[];
  readonly layout: ParameterLayout;
  readonly termNames: readonly string[];
  /** Dropout masks to draw and feed at every step. */
  readonly randomMasks: readonly RandomMask[];
  readonly hasAverage: boolean;
  /** Bytes of the largest tensor, which a GPU must be able to bind. */
  readonly largestTensorBytes: number;
  /** Bytes of activations, gradients and state alive at once at most, see `Graph.peakBytes`. */
  readonly peakBytes: number;
  /** Length of the first network's part of the vectors, which is the part that is exported. */
  readonly deployedLength: number;
}

const AVERAGE = "average";
const PARAMETERS = "parameters";

export function buildTrainingStep(spec: TrainingStepSpec): TrainingStep {
  const graph = new Graph({ isTraining: true });
  const layouts = joinLayouts(spec.networks.map(parameterLayout));
  const length = layouts.whole.length;
  const parameters = graph.input(PARAMETERS, [length]);
  const state = spec.optimiser.stateNames.map((name) => graph.input(name, [length]));
  const learningRate = graph.input("learningRate", [1]);
  const scalars = Object.fromEntries(
    Object.keys(spec.optimiser.scalars(0)).map((name) => [name, graph.input(name, [1])]),
  );
  const students = layouts.parts.map((part) => parametersFromVector(graph, part, parameters));

  let average: Tensor | undefined;
  const averageInput = (): Tensor => {
    average ??= graph.input(AVERAGE, [length]);
    return average;
  };
  if (spec.keepAverage) averageInput();

  const { total, terms } = spec.buildLoss({
    graph,
    student: (image, index = 0, perturbation) =>
      spec.networks[index]!.apply(graph, students[index]!.source, image, perturbation),
    teacher: (image) =>
      graph.withoutGradient(() => {
        const { source } = parametersFromVector(graph, layouts.parts[0]!, averageInput());
        return graph.inScope("teacher", () => spec.networks[0]!.apply(graph, source, image));
      }),
    input: (name, shape) => graph.input(name, shape),
    scalarInput: (name) => reshape(graph, graph.input(name, [1]), []),
  });

  const gradients = graph.backward(total);
  return graph.withoutGradient(() => {
    const gradient = concatenate(
      graph,
      layouts.parts.map((part, index) => flattenGradients(graph, part, students[index]!, gradients)),
      0,
    );
    const norm = globalNorm(graph, gradient);
    const clipped = spec.clipNorm === undefined ? gradient : clipByGlobalNorm(graph, gradient, norm, spec.clipNorm);
    const next = graph.inScope(spec.optimiser.name, () =>
      spec.optimiser.update(graph, { parameters, gradient: clipped, state, learningRate, scalars }),
    );
    const networks = layouts.parts.map((layout, index) => ({ layout, values: students[index]! }));
    const stateNames = [PARAMETERS, ...spec.optimiser.stateNames];
    [withCarriedValues(graph, next.parameters, networks), ...next.state].forEach((value, index) => {
      graph.output(`next.${stateNames[index]}`, value);
    });
    if (average) {
      const decay = graph.input("averageDecay", [1]);
      const averaged = updateMovingAverage(graph, average, next.parameters, decay);
      graph.output(`next.${AVERAGE}`, withCarriedValues(graph, averaged, networks));
      stateNames.push(AVERAGE);
    }
    graph.output("loss", total);
    graph.output("gradientNorm", norm);
    for (const [name, value] of Object.entries(terms)) graph.output(`term.${name}`, value);
    if (spec.outputGradient) graph.output("gradient", gradient);
    return {
      model: graph.toModel("training-step"),
      stateNames,
      layout: layouts.whole,
      termNames: Object.keys(terms),
      randomMasks: graph.randomMasks,
      hasAverage: average !== undefined,
      largestTensorBytes: graph.largestTensorBytes,
      peakBytes: graph.peakBytes,
      deployedLength: layouts.parts[0]!.length,
    };
  });
}

/** State vectors at step 0: parameters drawn by the layout, the average equal to them, everything else zero. */
export function initialState(step: TrainingStep, random: Random): Record<string, Float32Array> {
  const parameters = initialParameters(step.layout, random);
  return Object.fromEntries(
    step.stateNames.map((name) => {
      if (name === PARAMETERS) return [name, parameters];
      return [name, name === AVERAGE ? parameters.slice() : new Float32Array(step.layout.length)];
    }),
  );
}

/** Puts the parameters of several networks end to end. In `whole`, names get the network's index in front. */
function joinLayouts(layouts: readonly ParameterLayout[]): {
  readonly parts: readonly ParameterLayout[];
  readonly whole: ParameterLayout;
} {
  let start = 0;
  const parts = layouts.map((layout) => {
    const offset = start;
    start += layout.length;
    return { ...layout, parameters: layout.parameters.map((p) => ({ ...p, offset: p.offset + offset })) };
  });
  const parameters = parts.flatMap((part, index) =>
    part.parameters.map((parameter) => ({ ...parameter, name: `${index}.${parameter.name}` })),
  );
  const trainedLength = parts.reduce((sum, part) => sum + part.trainedLength, 0);
  return { parts, whole: { parameters, length: start, trainedLength } };
}
