import type { GridSize, Releasable } from "@samrefine/core";
import type { RawSession, RawTensor } from "@samrefine/inference";
import { Graph } from "../graph/graph.ts";
import { type Network, parameterLayout } from "../network/network.ts";
import { parametersFromVector } from "../network/parameters.ts";

/** The student as it is at the current step: images [N, channels, rows, columns] to logits [N, labels, rows, columns]. */
export type PredictStudent = (images: RawTensor) => Promise<RawTensor>;

/**
 * Runs a network whose parameters are an input, between two training steps. The session is made by the first prediction, so
 * that recipes which never ask for one do not pay for it.
 */
export class StudentPredictor implements Releasable {
  readonly #model: () => Uint8Array;
  readonly #createSession: (model: Uint8Array) => Promise<RawSession>;
  #session: Promise<RawSession> | undefined;

  constructor(network: Network, grid: GridSize, createSession: (model: Uint8Array) => Promise<RawSession>) {
    this.#model = () => predictorModel(network, grid);
    this.#createSession = createSession;
  }

  async predict(parameters: Float32Array, image: RawTensor): Promise<RawTensor> {
    this.#session ??= this.#createSession(this.#model());
    const session = await this.#session;
    const { logits } = await session.run({ parameters: { data: parameters, dims: [parameters.length] }, image });
    return logits!;
  }

  async dispose(): Promise<void> {
    const session = await this.#session;
    this.#session = undefined;
    await session?.dispose();
  }
}

function predictorModel(network: Network, { rows, columns }: GridSize): Uint8Array {
  const graph = new Graph();
  const layout = parameterLayout(network);
  const channels = network.inputChannels;
  const vector = graph.input("parameters", [layout.length]);
  const image = graph.input("image", [1, channels, rows, columns], ["N", channels, rows, columns]);
  const logits = graph.withoutGradient(() =>
    network.apply(graph, parametersFromVector(graph, layout, vector).source, image),
  );
  graph.output("logits", logits, ["N", network.outputChannels, rows, columns]);
  return graph.toModel("student");
}
