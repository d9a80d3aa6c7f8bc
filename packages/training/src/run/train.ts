import { createRandom, type DatasetSource, type Random, RefineError, type TaskOptions } from "@samrefine/core";
import type { RawSession, RawSessionFactory, RawSessionOptions, RawTensor } from "@samrefine/inference";
import { scalarTensor } from "../data/batch.ts";
import { loadCases } from "../data/load-cases.ts";
import { balancedPositiveWeights, requireAllLabels } from "../data/positive-weights.ts";
import { Sampler } from "../data/sampler.ts";
import { elementCount, type RandomMask } from "../graph/graph.ts";
import { SamGuide } from "../guide/sam-guide.ts";
import type { PromptableGuide } from "../guide/slice-embeddings.ts";
import { channelCount } from "../loss/activation.ts";
import { exportModel } from "../network/export-model.ts";
import type { Network } from "../network/network.ts";
import { scbUnet } from "../network/scb-unet.ts";
import { ssl4misUnet } from "../network/ssl4mis-unet.ts";
import { adamW } from "../optimiser/adamw.ts";
import { movingAverageDecay } from "../optimiser/moving-average.ts";
import type { Optimiser } from "../optimiser/optimiser.ts";
import { sgd } from "../optimiser/sgd.ts";
import type { ComposedRecipe } from "../recipes/recipe.ts";
import { requireRecipe } from "../recipes/registry.ts";
import { activationOf } from "../recipes/segmentation-loss.ts";
import { createSchedule } from "../schedule/schedule.ts";
import { type Checkpoint, decodeCheckpoint, encodeCheckpoint, type RunStore, requireSameRun } from "./checkpoint.ts";
import type { TrainingConfiguration } from "./configuration.ts";
import type { FinalValidation, TrainingHistory, ValidationRecord } from "./history.ts";
import { StudentPredictor } from "./student-predictor.ts";
import { buildTrainingStep, initialState, type TrainingStep } from "./training-step.ts";
import { type ValidationCase, validate } from "./validation.ts";

export const CHECKPOINT_FILE = "checkpoint.bin";

export interface TrainingOptions extends TaskOptions {
  readonly dataset: DatasetSource;
  readonly configuration: TrainingConfiguration;
  readonly createSession: RawSessionFactory;
  readonly session?: RawSessionOptions;
  readonly store: RunStore;
  /** Goes on from the store's checkpoint; without one the run starts at step 0. */
  readonly resume?: boolean;
  /** Labels of the training cases when not the data set's own, e.g. pseudo labels. */
  readonly readTrainingLabels?: DatasetSource["readLabels"];
  /** Training cases when not the split's labelled ones; all of them are used. */
  readonly trainingCaseIds?: readonly string[];
  /** Weight of a training case's pixels in the loss; cases that are not named have 1. */
  readonly caseWeights?: ReadonlyMap<string, number>;
  /** The promptable model of recipes that ask SAM; others leave it alone. */
  readonly promptable?: PromptableGuide | undefined;
  /** Memory that a step may take; a run whose step is estimated above it is refused. Absent: no limit. */
  readonly memoryLimitBytes?: number | undefined;
  /** Written into the model file, e.g. title and licence. */
  readonly modelMetadata?: Readonly<Record<string, string>>;
  /** Called after every step. */
  readonly onStep?: (report: StepReport) => void;
}

export interface StepReport {
  /** Steps done, of `steps`. */
  readonly step: number;
  readonly steps: number;
  readonly loss: number;
  readonly terms: Readonly<Record<string, number>>;
  readonly gradientNorm: number;
  readonly seconds: number;
  /** The latest validation, when there was one. */
  readonly validation: ValidationRecord | undefined;
}

export interface TrainingResult {
  readonly configuration: TrainingConfiguration;
  readonly network: Network;
  readonly history: TrainingHistory;
  /** Step whose parameters are exported: the best validation, or the last step without validation cases. */
  readonly chosenStep: number;
  readonly final: FinalValidation | undefined;
  /** The exported model, see `exportModel`. */
  readonly model: Uint8Array<ArrayBuffer>;
  readonly trainingCaseIds: readonly string[];
  readonly validationCaseIds: readonly string[];
  /** What ran the steps, e.g. "onnxruntime on the CPU, 1 thread". */
  readonly backend: string;
  /** Median over the steps of this session; undefined when a finished run was resumed. */
  readonly secondsPerStep: number | undefined;
}

/**
 * Trains a network and returns it as an ONNX model. A checkpoint is written at every validation, at the end, and when the
 * signal aborts; a run that is resumed from it computes bit for bit what the uninterrupted run would have.
 *
 * @throws RefineError `dataset` for unusable cases, `configuration`, and `training` when the loss is not finite (the last
 * good checkpoint stays) or a checkpoint does not fit; `out-of-memory` when a step would take more than the limit; `signal.reason` when aborted.
 */
export async function train(options: TrainingOptions): Promise<TrainingResult> {
  const { dataset, configuration, signal } = options;
  signal?.throwIfAborted();
  const networks = createNetworks(dataset, configuration);
  const data = await loadTrainingData(options);
  const guide = createGuide(options);
  const { step, recipe } = composeStep(networks, data, options, guide);
  requireMemory(step, options);
  const session = await options.createSession(step.model, {
    ...options.session,
    carried: Object.fromEntries(step.stateNames.map((name) => [name, `next.${name}`])),
    largestTensorBytes: step.largestTensorBytes,
  });
  const predictor = new StudentPredictor(networks[0]!, configuration.grid, (model) =>
    options.createSession(model, options.session),
  );
  try {
    const run = new TrainingRun(options, networks[0]!, step, recipe, session, predictor, data.validation);
    if (options.resume) await run.resume();
    await run.toTheEnd();
    return await run.result(data.trainingCaseIds, data.validationCaseIds);
  } finally {
    await predictor.dispose();
    await session.dispose();
    await guide?.dispose();
  }
}

/**
 * Memory of the process per byte of `TrainingStep.peakBytes`, the runtime's arena and work space included: from `samrefine train`
 * on grids of 128 x 320 and 512 x 512 with batch 4 and one thread, peak resident memory grew 1.6 times as fast.
 */
const RUNTIME_SHARE = 1.6;

/** Before the session is made: a machine that runs out of memory takes other work down with it. */
function requireMemory({ peakBytes }: TrainingStep, { memoryLimitBytes, configuration }: TrainingOptions): void {
  const neededBytes = RUNTIME_SHARE * peakBytes;
  if (memoryLimitBytes === undefined || neededBytes <= memoryLimitBytes) return;
  const { grid, batchSize } = configuration;
  const gibibytes = (bytes: number): string => `${(bytes / 2 ** 30).toPrecision(3)} GiB`;
  throw new RefineError(
    "out-of-memory",
    `A step on ${grid.rows} x ${grid.columns} with batch ${batchSize} takes about ${gibibytes(neededBytes)}; the limit is ` +
      `${gibibytes(memoryLimitBytes)}.`,
    { hint: "Use a smaller grid, a smaller batch or a narrower network, or raise the memory limit." },
  );
}

function createGuide({ configuration, dataset, promptable, signal }: TrainingOptions): SamGuide | undefined {
  const { guidance, grid, loss } = configuration;
  if (!requireRecipe(configuration.recipe).usesPromptable || !promptable || !guidance) return undefined;
  return new SamGuide({
    guide: promptable,
    dataset,
    plan: guidance.plan,
    grid,
    labelCount: dataset.labels.length,
    activation: activationOf(loss.kind),
    signal,
  });
}

type TrainingData = Awaited<ReturnType<typeof loadTrainingData>>;

async function loadTrainingData(options: TrainingOptions) {
  const { dataset, configuration, signal, onProgress } = options;
  const { intensity, grid, channels } = configuration;
  const recipe = requireRecipe(configuration.recipe);
  if (channels > 1 && intensity.kind === "percentiles" && intensity.scope === "image") {
    throw new RefineError("configuration", "Neighbouring slices need intensities that are resolved per volume.", {
      hint: 'Use percentiles with the scope "volume".',
    });
  }
  const trainingCaseIds = options.trainingCaseIds ?? firstLabeledCases(dataset, configuration.labeledCount);
  if (trainingCaseIds.length === 0) {
    throw new RefineError("dataset", `${dataset.name} has no labelled case to train on.`, {
      hint: 'Name labelled cases under "labeled" in split.json.',
    });
  }
  const validationCaseIds = dataset.caseIds("val");
  const both = trainingCaseIds.filter((id) => validationCaseIds.includes(id));
  if (both.length > 0) {
    throw new RefineError("dataset", `Cases are used for training and for validation: ${both.join(", ")}.`, {
      hint: "Remove them from one of the two lists of split.json.",
    });
  }
  const readLabels = options.readTrainingLabels ?? ((id) => dataset.readLabels(id));
  const load = { intensity, grid, signal, onProgress };
  const labeledCases = await loadCases(dataset, trainingCaseIds, { ...load, readLabels, stage: "reading cases" });
  requireAllLabels(labeledCases, dataset.labels);
  const unlabeledCases = recipe.usesUnlabeled
    ? await loadCases(dataset, dataset.caseIds("unlabeled"), {
        ...load,
        readLabels: undefined,
        stage: "reading unlabelled cases",
      })
    : [];
  const validation: ValidationCase[] = [];
  for (const id of validationCaseIds) {
    signal?.throwIfAborted();
    validation.push({ image: await dataset.readCase(id), labels: await dataset.readLabels(id) });
  }
  return { trainingCaseIds, validationCaseIds, labeledCases, unlabeledCases, validation };
}

/** @throws RefineError `configuration` when there are not so many. */
export function firstLabeledCases(
  dataset: Pick<DatasetSource, "name" | "caseIds">,
  count: number | null,
): readonly string[] {
  const labeled = dataset.caseIds("labeled");
  if (count !== null && count > labeled.length) {
    throw new RefineError(
      "configuration",
      `${count} labelled cases are asked for; ${dataset.name} has ${labeled.length}.`,
      { hint: `Ask for at most ${labeled.length}.`, details: { found: count, accepted: labeled.length } },
    );
  }
  return labeled.slice(0, count ?? labeled.length);
}

function createNetworks(dataset: DatasetSource, configuration: TrainingConfiguration): readonly Network[] {
  const { network, channels, grid, loss } = configuration;
  const { networkCount } = requireRecipe(configuration.recipe);
  const build = network.kind === "scb-unet" ? scbUnet : ssl4misUnet;
  const unet = build({
    inputChannels: channels,
    outputChannels: channelCount(dataset.labels.length, activationOf(loss.kind)),
    width: network.width,
    levels: network.levels,
  });
  if (grid.rows % unet.divisor !== 0 || grid.columns % unet.divisor !== 0) {
    throw new RefineError(
      "configuration",
      `The grid ${grid.rows} x ${grid.columns} is not a multiple of ${unet.divisor}, which ${network.levels} levels need.`,
      { hint: "Choose a grid of multiples of it, or fewer levels." },
    );
  }
  return Array.from({ length: networkCount }, () => unet);
}

function composeStep(
  networks: readonly Network[],
  data: TrainingData,
  { dataset, configuration, caseWeights }: TrainingOptions,
  guide: SamGuide | undefined,
) {
  const { grid, channels, augmentation, foregroundShare, loss, averageDecay, clipNorm } = configuration;
  const random = createRandom(configuration.seed);
  const sampling = { grid, channels, augmentation, foregroundShare };
  const recipe = requireRecipe(configuration.recipe).compose({
    configuration,
    grid,
    labelCount: dataset.labels.length,
    activation: activationOf(loss.kind),
    ignoreLabel: dataset.ignoreLabel,
    positiveWeights:
      loss.positiveWeight === "balanced"
        ? balancedPositiveWeights(
            data.labeledCases,
            dataset.labels.length,
            dataset.ignoreLabel,
            loss.positiveWeightLimit,
          )
        : undefined,
    caseWeights,
    guide,
    random: random.fork("recipe"),
    labeled: new Sampler(data.labeledCases, random.fork("labeled"), sampling),
    unlabeled:
      data.unlabeledCases.length > 0 ? new Sampler(data.unlabeledCases, random.fork("unlabeled"), sampling) : undefined,
  });
  const step = buildTrainingStep({
    networks,
    buildLoss: (context) => recipe.buildLoss(context),
    optimiser: createOptimiser(configuration),
    clipNorm: clipNorm ?? undefined,
    keepAverage: averageDecay !== null,
  });
  return { step, recipe };
}

function createOptimiser({ optimiser }: TrainingConfiguration): Optimiser {
  return optimiser.kind === "adamw" ? adamW(optimiser) : sgd(optimiser);
}

/** The state of a run between two steps. */
class TrainingRun {
  private readonly options: TrainingOptions;
  private readonly network: Network;
  private readonly step: TrainingStep;
  private readonly recipe: ComposedRecipe;
  private readonly session: RawSession;
  private readonly predictor: StudentPredictor;
  private readonly validationCases: readonly ValidationCase[];
  private readonly optimiser: Optimiser;
  /** Parameters of the best validation. */
  private best: Float32Array | undefined;
  private done = 0;
  private validatedAt = 0;
  private readonly losses: number[] = [];
  private readonly validations: ValidationRecord[] = [];
  private readonly seconds: number[] = [];

  constructor(
    options: TrainingOptions,
    network: Network,
    step: TrainingStep,
    recipe: ComposedRecipe,
    session: RawSession,
    predictor: StudentPredictor,
    validationCases: readonly ValidationCase[],
  ) {
    this.options = options;
    this.network = network;
    this.step = step;
    this.recipe = recipe;
    this.session = session;
    this.predictor = predictor;
    this.validationCases = validationCases;
    this.optimiser = createOptimiser(options.configuration);
    this.carry(initialState(step, createRandom(options.configuration.seed).fork("parameters")));
  }

  /** The session holds the state, on the GPU where it runs there. */
  private carry(vectors: Readonly<Record<string, Float32Array>>): void {
    const dims = [this.step.layout.length];
    this.session.carry(Object.fromEntries(Object.entries(vectors).map(([name, data]) => [name, { data, dims }])));
  }

  async resume(): Promise<void> {
    const bytes = await this.options.store.read(CHECKPOINT_FILE);
    if (!bytes) return;
    const checkpoint = decodeCheckpoint(bytes);
    requireSameRun(checkpoint, this.network.id, this.options.configuration);
    const { [BEST]: best, ...state } = checkpoint.vectors;
    this.carry(state);
    this.best = best;
    this.done = checkpoint.step;
    this.losses.push(...checkpoint.history.losses);
    this.validations.push(...checkpoint.history.validations);
    this.validatedAt = this.validationCases.length === 0 ? this.done : (this.validations.at(-1)?.step ?? 0);
  }

  async toTheEnd(): Promise<void> {
    const { configuration, signal } = this.options;
    const { steps, learningRate, schedule } = configuration;
    const rate = createSchedule(schedule, learningRate, steps);
    try {
      for (;;) {
        if (this.isValidationDue()) {
          await this.validateAndKeepBest();
          await this.writeCheckpoint();
        }
        if (this.done === steps) return;
        signal?.throwIfAborted();
        await this.runStep(rate(this.done));
      }
    } catch (error) {
      // Another failure, although the signal aborts as well, may have left a state that is not worth keeping.
      if (signal?.aborted && error === signal.reason) await this.writeCheckpoint();
      throw error;
    }
  }

  async result(trainingCaseIds: readonly string[], validationCaseIds: readonly string[]): Promise<TrainingResult> {
    const { configuration, dataset } = this.options;
    const best = this.bestValidation();
    const parameters = this.best ?? (await this.deployedParameters());
    const metadata = this.options.modelMetadata ?? {};
    const model = exportModel(this.network, parameters, { ...configuration.grid, metadata });
    const final = this.validationCases.length === 0 ? undefined : await this.measure(model, this.validationCases);
    return {
      configuration,
      network: this.network,
      history: { losses: this.losses, validations: this.validations },
      chosenStep: best?.step ?? this.done,
      final: final && {
        meanDice: final.mean,
        perLabel: dataset.labels.map(({ name }, index) => ({ name, dice: final.perLabel[index] ?? null })),
        cases: final.cases,
      },
      model,
      trainingCaseIds,
      validationCaseIds,
      backend: this.session.backend.description,
      secondsPerStep: median(this.seconds),
    };
  }

  /** A run that was interrupted while it validated does so first when it is resumed. */
  private isValidationDue(): boolean {
    const { steps, validation } = this.options.configuration;
    const isReached = this.done > 0 && (this.done % validation.every === 0 || this.done === steps);
    return isReached && this.validatedAt !== this.done;
  }

  private async runStep(learningRate: number): Promise<void> {
    const { configuration, onStep } = this.options;
    const started = performance.now();
    const { inputs, samples } = await this.recipe.feeds(this.done, async (images) => {
      const parameters = await this.session.readCarried("parameters");
      return await this.predictor.predict(parameters.subarray(0, this.step.deployedLength), images);
    });
    const feeds: Record<string, RawTensor> = { ...inputs, learningRate: scalarTensor(learningRate) };
    for (const [name, value] of Object.entries(this.optimiser.scalars(this.done))) feeds[name] = scalarTensor(value);
    if (this.step.hasAverage) {
      // Recipes with a teacher keep an average whatever the configuration says; 0.99 is the papers' decay.
      const decay = configuration.averageDecay ?? 0.99;
      feeds.averageDecay = scalarTensor(movingAverageDecay(this.done, decay));
    }
    const masks = createRandom(configuration.seed).fork(`masks ${this.done}`);
    for (const mask of this.step.randomMasks) feeds[mask.name] = drawMask(mask, masks.fork(mask.name));
    const outputs = await this.session.run(feeds);
    const scalar = (name: string): number => outputs[name]!.data[0]!;
    const loss = scalar("loss");
    const gradientNorm = scalar("gradientNorm");
    if (!Number.isFinite(loss) || !Number.isFinite(gradientNorm)) {
      throw new RefineError(
        "training",
        `The loss or its gradient is not finite at step ${this.done + 1} (loss ${loss}, gradient norm ${gradientNorm}); the batch held ${samples.join(", ")}.`,
        {
          hint: "The last good checkpoint is kept. Check these images, or lower the learning rate.",
          details: { step: this.done + 1, samples },
        },
      );
    }
    this.done++;
    this.losses.push(loss);
    const seconds = (performance.now() - started) / 1000;
    this.seconds.push(seconds);
    onStep?.({
      step: this.done,
      steps: configuration.steps,
      loss,
      terms: Object.fromEntries(this.step.termNames.map((name) => [name, scalar(`term.${name}`)])),
      gradientNorm,
      seconds,
      validation: this.validations.at(-1),
    });
  }

  private async validateAndKeepBest(): Promise<void> {
    const { configuration } = this.options;
    if (this.validationCases.length === 0) {
      this.validatedAt = this.done;
      return;
    }
    const parameters = await this.deployedParameters();
    const model = exportModel(this.network, parameters, configuration.grid);
    const { mean, perLabel } = await this.measure(model, this.validationCases.slice(0, configuration.validation.cases));
    const before = this.bestValidation();
    this.validations.push({ step: this.done, meanDice: mean, perLabel });
    this.validatedAt = this.done;
    if (!before || mean > before.meanDice) this.best = parameters.slice();
  }

  private async measure(model: Uint8Array, cases: readonly ValidationCase[]) {
    const { configuration, dataset, createSession, session, signal } = this.options;
    const exported = await createSession(model, session);
    try {
      return await validate(exported, cases, {
        grid: configuration.grid,
        channels: configuration.channels,
        intensity: configuration.intensity,
        labelCount: dataset.labels.length,
        activation: activationOf(configuration.loss.kind),
        ignoreLabel: dataset.ignoreLabel,
        signal,
      });
    } finally {
      await exported.dispose();
    }
  }

  /** What is validated and exported: the average where there is one, of the first network. */
  private async deployedParameters(): Promise<Float32Array> {
    const vector = await this.session.readCarried(this.step.hasAverage ? "average" : "parameters");
    return vector.subarray(0, this.step.deployedLength);
  }

  private bestValidation(): ValidationRecord | undefined {
    return this.validations.reduce<ValidationRecord | undefined>(
      (best, record) => (!best || record.meanDice > best.meanDice ? record : best),
      undefined,
    );
  }

  private async writeCheckpoint(): Promise<void> {
    const vectors: Record<string, Float32Array> = {};
    for (const name of this.step.stateNames) vectors[name] = await this.session.readCarried(name);
    if (this.best) vectors[BEST] = this.best;
    const checkpoint: Checkpoint = {
      configuration: this.options.configuration,
      networkId: this.network.id,
      step: this.done,
      history: { losses: this.losses, validations: this.validations },
      vectors,
    };
    await this.options.store.write(CHECKPOINT_FILE, encodeCheckpoint(checkpoint));
  }
}

const BEST = "best";

/** Inverted dropout: kept values grow so that the sum stays the same on average. */
function drawMask({ shape, probability }: RandomMask, random: Random): RawTensor {
  const kept = 1 / (1 - probability);
  const data = Float32Array.from({ length: elementCount(shape) }, () => (random.next() < probability ? 0 : kept));
  return { data, dims: shape };
}

function median(values: readonly number[]): number | undefined {
  return values.toSorted((a, b) => a - b)[values.length >> 1];
}
