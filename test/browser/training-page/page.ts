import { exclusiveHandLabels, handRadiographPhantom } from "@samrefine/phantoms";
import { defaultConfiguration, type TrainingConfiguration } from "@samrefine/training";
import { type BrowserTraining, type LoadedDataset, startTraining } from "@samrefine/training/web";
import webgpuMjsUrl from "onnxruntime-web/ort-wasm-simd-threaded.asyncify.mjs?url";
import webgpuWasmUrl from "onnxruntime-web/ort-wasm-simd-threaded.asyncify.wasm?url";
import mjsUrl from "onnxruntime-web/ort-wasm-simd-threaded.mjs?url";
import wasmUrl from "onnxruntime-web/ort-wasm-simd-threaded.wasm?url";

/** What the test reads and calls in the page. */
export interface TrainingPage {
  /** Steps reported since the page was loaded, in order. */
  readonly steps: readonly number[];
  /** Loss of every step of the run, once it is done. */
  readonly losses: readonly number[] | undefined;
  /** Dice of the phantoms that were held out, once the run is done. */
  readonly dice: number | undefined;
  readonly backend: string | undefined;
  readonly modelBytes: number | undefined;
  readonly failure: string | undefined;
  start(options: StartOptions): void;
  pause(): Promise<void>;
  resume(): void;
  cancel(): void;
}

export interface StartOptions {
  readonly runId: string;
  readonly steps: number;
  readonly resume: boolean;
  /** Asks for WebGPU, a software one too. */
  readonly withWebgpu?: boolean;
  /** Two levels less on a grid of 32, with a validation after every second step: for a GPU that the processor plays. */
  readonly isTiny?: boolean;
}

const training = ["hand 1", "hand 2", "hand 3", "hand 4", "hand 5", "hand 6"];
const heldOut = ["hand 101", "hand 102", "hand 103"];

const configuration: TrainingConfiguration = {
  ...defaultConfiguration,
  batchSize: 2,
  grid: { rows: 64, columns: 64 },
  network: { kind: "scb-unet", width: 4, levels: 4 },
  intensity: { kind: "percentiles", lower: 1, upper: 99, scope: "image" },
  learningRate: 5e-3,
  averageDecay: 0.9,
  validation: { every: 20, cases: 1 },
};

const tiny: TrainingConfiguration = {
  ...configuration,
  grid: { rows: 32, columns: 32 },
  network: { kind: "scb-unet", width: 4, levels: 2 },
  learningRate: 1e-3,
  validation: { every: 2, cases: 1 },
};

const absolute = (url: string): string => new URL(url, location.href).href;

/** Radiographs of artificial hands; every bone is one and the same label. */
function handDataset(): LoadedDataset {
  return {
    name: "hands",
    labels: [{ name: "bone", value: 1 }],
    ignoreLabel: undefined,
    channelName: "radiograph",
    dimension: 2,
    split: { labeled: training, val: heldOut },
    cases: [...training, ...heldOut].map((id) => {
      const { image, segments } = handRadiographPhantom({ seed: Number(id.slice(5)), spacingMm: 2 });
      const { columns, rows } = image.geometry;
      return {
        image: {
          id,
          geometry: { size: [columns, rows, 1], indexToPatient: [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1] },
          hasSpacing: false,
          slices: [image],
        },
        labels: { id, slices: [Uint8Array.from(exclusiveHandLabels(segments), (value) => (value === 0 ? 0 : 1))] },
      };
    }),
  };
}

let run: BrowserTraining | undefined;
let controller = new AbortController();

const page: { -readonly [K in keyof TrainingPage]: TrainingPage[K] } & { steps: number[] } = {
  steps: [],
  losses: undefined,
  dice: undefined,
  backend: undefined,
  modelBytes: undefined,
  failure: undefined,
  start({ runId, steps, resume, withWebgpu = false, isTiny = false }) {
    page.steps = [];
    page.losses = page.dice = page.backend = page.failure = undefined;
    controller = new AbortController();
    run = startTraining({
      runId,
      dataset: handDataset(),
      configuration: { ...(isTiny ? tiny : configuration), steps },
      resume,
      // Threads of the runtime wait by spinning, which a busy machine punishes.
      threads: 1,
      wasmPaths: { wasm: absolute(wasmUrl), mjs: absolute(mjsUrl) },
      ...(withWebgpu && {
        webgpu: { wasmPaths: { wasm: absolute(webgpuWasmUrl), mjs: absolute(webgpuMjsUrl) }, trySoftware: true },
      }),
      createWorker: () =>
        withWebgpu
          ? new Worker(new URL("./webgpu.worker.ts", import.meta.url), { type: "module" })
          : new Worker(new URL("./training.worker.ts", import.meta.url), { type: "module" }),
      signal: controller.signal,
      onStep: ({ step }) => page.steps.push(step),
    });
    run.result.then(
      ({ final, backend, model, history }) => {
        page.losses = history.losses;
        page.backend = backend;
        page.modelBytes = model.length;
        page.dice = final?.meanDice;
      },
      (error: unknown) => {
        page.failure = String(error);
      },
    );
  },
  pause: async () => await run?.pause(),
  resume: () => run?.resume(),
  cancel: () => controller.abort("cancelled by the test"),
};
Object.assign(globalThis, { trainingPage: page });
