import { createRandom } from "@samrefine/core";
import type { RawTensor } from "@samrefine/inference";
import {
  adamW,
  buildTrainingStep,
  initialState,
  scbUnet,
  segmentationLoss,
  type TrainingStep,
} from "@samrefine/training";

/** What the benchmarks of a training step have in common: the network is the default one on one channel. */
export interface StepSize {
  readonly size: number;
  readonly batch: number;
  readonly width?: number;
}

const classes = 3;
const optimiser = adamW();

export function benchStep({ size, batch, width = 16 }: StepSize): TrainingStep {
  return buildTrainingStep({
    networks: [scbUnet({ inputChannels: 1, outputChannels: classes, width })],
    buildLoss: ({ graph, student, input }) =>
      segmentationLoss(
        graph,
        student(input("image", [batch, 1, size, size])),
        input("target", [batch, classes, size, size]),
        { kind: "bce" },
      ),
    optimiser,
    keepAverage: false,
  });
}

/** The same random batch at every step, and the state that goes from step to step. */
export class BenchRun {
  readonly #step: TrainingStep;
  readonly #batch: Readonly<Record<string, RawTensor>>;
  #state: Record<string, Float32Array>;
  #done = 0;

  constructor(step: TrainingStep, { size, batch }: StepSize) {
    this.#step = step;
    this.#state = initialState(step, createRandom(1));
    const random = createRandom(2);
    const image = Float32Array.from({ length: batch * size * size }, () => random.normal());
    const target = Float32Array.from({ length: batch * classes * size * size }, () => (random.next() < 0.3 ? 1 : 0));
    this.#batch = {
      image: { data: image, dims: [batch, 1, size, size] },
      target: { data: target, dims: [batch, classes, size, size] },
    };
  }

  feeds(): Record<string, RawTensor> {
    const scalars = { learningRate: 1e-3, ...optimiser.scalars(this.#done) };
    const vectors = this.#step.stateNames.map((name) => [name, this.#state[name]!] as const);
    return {
      ...this.#batch,
      ...Object.fromEntries(vectors.map(([name, data]) => [name, { data, dims: [data.length] }])),
      ...Object.fromEntries(
        Object.entries(scalars).map(([name, value]) => [name, { data: Float32Array.of(value), dims: [1] }]),
      ),
    };
  }

  /** Takes the outputs of a step over; @returns the loss. */
  advance(outputs: Readonly<Record<string, { readonly data: unknown }>>): number {
    const { stateNames } = this.#step;
    this.#state = Object.fromEntries(stateNames.map((name) => [name, outputs[`next.${name}`]!.data as Float32Array]));
    this.#done++;
    return (outputs.loss!.data as Float32Array)[0]!;
  }
}
