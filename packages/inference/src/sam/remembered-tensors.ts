import type { Tensor } from "onnxruntime-common";
import type { OnnxRuntime } from "../engine/runtime.ts";

/** What a decoder makes of an image in its first run on it, as an output, and takes in further ones, as an input. */
export interface RememberedTensor {
  readonly input: string;
  readonly output: string;
  /** How many the input has; of one element each, they say that nothing was made yet, in either direction. */
  readonly axes: number;
}

/** What the runs on one embedding have left for the next ones. */
export class RememberedTensors {
  readonly #runtime: OnnxRuntime;
  readonly #wanted: readonly RememberedTensor[];
  #made: Readonly<Record<string, Tensor>> = {};

  constructor(runtime: OnnxRuntime, wanted: readonly RememberedTensor[]) {
    this.#runtime = runtime;
    this.#wanted = wanted;
  }

  /** All of the inputs, by name. */
  feeds(): Readonly<Record<string, Tensor>> {
    const feeds = this.#wanted.map(({ input, axes }): [string, Tensor] => [
      input,
      this.#made[input] ?? this.#runtime.tensor(new Float32Array(1), new Array<number>(axes).fill(1)),
    ]);
    return Object.fromEntries(feeds);
  }

  /** Takes over those outputs of a run that are meant for the next; they may lie on a device. */
  keep(outputs: Readonly<Record<string, Tensor>>): void {
    const answered = this.#wanted.map(({ input, output }) => [input, outputs[output]!] as const);
    const wereMade = answered.length > 0 && answered.every(([, { size }]) => size > 1);
    for (const tensor of wereMade ? Object.values(this.#made) : answered.map(([, tensor]) => tensor)) tensor.dispose();
    if (wereMade) this.#made = Object.fromEntries(answered);
  }

  dispose(): void {
    for (const tensor of Object.values(this.#made)) tensor.dispose();
    this.#made = {};
  }
}
