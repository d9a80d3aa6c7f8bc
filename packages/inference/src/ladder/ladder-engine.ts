import {
  isRefineError,
  type Logger,
  type PromptableSegmenter,
  RefineError,
  type Segmenter,
  type TaskOptions,
} from "@samrefine/core";
import {
  type ModelManifest,
  modelDigest,
  type PromptableManifest,
  type SegmentationManifest,
  sha256Hex,
} from "@samrefine/models";
import type { BackendReport, InferenceEngine, InferenceStats, LoadOptions } from "../contract.ts";
import { requireAlive } from "../engine/lifetime.ts";
import { type IdleTask, IdleTasks } from "../idle-tasks.ts";
import {
  type BackendDecision,
  type BackendMemory,
  type PreflightResult,
  type PreflightStage,
  volatileMemory,
} from "./backend-memory.ts";
import { gpuRefusal } from "./gpu-adapter.ts";
import { LadderPromptable, LadderSegmenter, type Placement } from "./ladder-models.ts";
import { agreement, type ProbeAnswer, probePromptable, probeSegmenter } from "./probe.ts";

/** One way to run models. */
export interface Rung {
  /** E.g. "webgpu", "wasm-threads", "wasm"; remembered, hence to be kept. */
  readonly id: string;
  /** A fresh engine in a fresh worker each time: a runtime that failed once may be poisoned. */
  open(): Promise<InferenceEngine>;
  /** Why it is not worth a pre-flight here, in words; it can still be chosen by the user. Absent: it is worth one. */
  unsuited?(): Promise<string | undefined>;
}

export interface LadderOptions {
  /** Fast but unproven, best first. Each model is tried on them once; what they answer is compared with the base. */
  readonly accelerated: readonly Rung[];
  /** Slow but trusted, best first: the first that opens runs what nothing else may. */
  readonly base: readonly Rung[];
  /** Whatever, when it changes, makes old decisions worthless: browser, GPU, number of cores. */
  readonly machine: string | Promise<string>;
  /**
   * "before-use" (default): a model is proven before its first call, which waits for it. "when-idle": it runs on the base
   * at once, is proven when nothing was asked for a while, and moves between two calls; a call in the meantime ends the
   * attempt, which is repeated later.
   */
  readonly preflight?: "before-use" | "when-idle" | undefined;
  /** With "when-idle": the pause that a pre-flight waits for. Default 4000. */
  readonly idleMs?: number | undefined;
  /** Default: forgotten with the engine. */
  readonly memory?: BackendMemory | undefined;
  /** A candidate that takes longer for a step of its pre-flight is refused. Default 120000. */
  readonly stepTimeoutMs?: number | undefined;
  /** Part of the probe at which a candidate must agree with the base. Default 0.99. */
  readonly leastAgreement?: number | undefined;
  readonly logger?: Logger | undefined;
}

/** Which back end runs a model, and why. */
export interface BackendChoice extends BackendDecision {
  readonly modelId: string;
  readonly report: BackendReport;
}

export interface LadderEngine extends InferenceEngine {
  /** Ids of what {@link LadderEngine.choose} takes beside "auto": the accelerated rungs, and last the base. */
  readonly rungs: readonly string[];
  /** One entry per loaded model. */
  choices(): readonly BackendChoice[];
  /**
   * Runs a loaded model on the given rung from the next call on, without a pre-flight, and remembers it; "auto" forgets what
   * was remembered and decides anew. Embeddings of the model are gone: encode again.
   *
   * @throws RefineError `configuration` for a model or rung that is not there, and whatever opening and loading throw; the
   * model then stays where it was.
   */
  choose(modelId: string, backend: string, options?: TaskOptions): Promise<void>;
}

interface ModelKind<M extends Segmenter | PromptableSegmenter> {
  readonly manifest: ModelManifest;
  load(engine: InferenceEngine, options: LoadOptions): Promise<M>;
  probe(model: M, options: TaskOptions & { readonly warm: boolean; readonly nonce: number }): Promise<ProbeAnswer>;
}

/**
 * An engine that finds out, once per machine and model, what runs the model fastest and still right: each accelerated
 * candidate gets a fresh worker, its GPU's limits are compared with the model's needs, the model is loaded, asked a fixed
 * question, its answer compared with the base's, and its time too. A back end that fails later (a lost GPU, a dead worker)
 * is refused from then on, and the call is repeated on the base.
 *
 * @throws RefineError `backend-unavailable` with the reasons when no base rung opens.
 */
export async function createLadderEngine(options: LadderOptions): Promise<LadderEngine> {
  const reasons: string[] = [];
  for (const rung of options.base) {
    try {
      return new Ladder(options, rung.id, await rung.open());
    } catch (error) {
      reasons.push(`${rung.id}: ${messageOf(error)}`);
      options.logger?.warn(`${rung.id} cannot be used: ${messageOf(error)}`);
    }
  }
  throw new RefineError("backend-unavailable", `No back end could be started. ${reasons.join(" ")}`, {
    hint: "Check that the files of ONNX Runtime are served beside the viewer, and that the browser allows WebAssembly.",
    details: { reasons },
  });
}

const defaultStepTimeoutMs = 120_000;
const defaultIdleMs = 4000;

/** A step of the pre-flight that a candidate failed; never leaves this module. */
class Refusal extends Error {
  readonly stage: PreflightStage;
  readonly milliseconds: number | undefined;

  constructor(stage: PreflightStage, reason: string, milliseconds?: number) {
    super(reason);
    this.stage = stage;
    this.milliseconds = milliseconds;
  }
}

class Ladder implements LadderEngine {
  readonly #options: LadderOptions;
  readonly #baseId: string;
  readonly #base: InferenceEngine;
  readonly #memory: BackendMemory;
  readonly #engines = new Set<InferenceEngine>();
  readonly #loaded = new Set<LadderSegmenter | LadderPromptable>();
  /** On the base for the time being; each is proven once. */
  readonly #unproven = new Set<LadderSegmenter | LadderPromptable>();
  readonly #idle: IdleTasks;
  #disposed = false;

  constructor(options: LadderOptions, baseId: string, base: InferenceEngine) {
    this.#options = options;
    this.#idle = new IdleTasks(options.idleMs ?? defaultIdleMs, () => this.#nextProof());
    this.#baseId = baseId;
    this.#base = base;
    this.#memory = options.memory ?? volatileMemory();
    this.#engines.add(base);
  }

  /** Of the base; {@link choices} says it per model. */
  get backend(): BackendReport {
    return this.#base.backend;
  }

  get rungs(): readonly string[] {
    return [...this.#options.accelerated.map(({ id }) => id), this.#baseId];
  }

  async loadSegmenter(
    manifest: SegmentationManifest,
    manifestUrl: string,
    options: LoadOptions = {},
  ): Promise<Segmenter> {
    const kind: ModelKind<Segmenter> = {
      manifest,
      load: (engine, load) => engine.loadSegmenter(manifest, manifestUrl, load),
      probe: (model, probe) => probeSegmenter(model, manifest, probe),
    };
    const placement = await this.#idle.during(() => this.#place(kind, options));
    const model = new LadderSegmenter(
      placement,
      this.#movesOf(kind, () => this.#loaded.delete(model)),
    );
    this.#loaded.add(model);
    this.#proveWhenIdle(model);
    return model;
  }

  async loadPromptable(
    manifest: PromptableManifest,
    manifestUrl: string,
    options: LoadOptions = {},
  ): Promise<PromptableSegmenter> {
    const kind: ModelKind<PromptableSegmenter> = {
      manifest,
      load: (engine, load) => engine.loadPromptable(manifest, manifestUrl, load),
      probe: (model, probe) => probePromptable(model, probe),
    };
    const placement = await this.#idle.during(() => this.#place(kind, options));
    const model = new LadderPromptable(
      placement,
      this.#movesOf(kind, () => this.#loaded.delete(model)),
    );
    this.#loaded.add(model);
    this.#proveWhenIdle(model);
    return model;
  }

  choices(): readonly BackendChoice[] {
    return [...this.#loaded].map(({ modelId, placement: { decision, engine } }) => ({
      ...decision,
      modelId,
      report: engine.backend,
    }));
  }

  async choose(modelId: string, backend: string, options: TaskOptions = {}): Promise<void> {
    requireAlive(this.#disposed, "The inference engine");
    const found = [...this.#loaded].find((model) => model.modelId === modelId);
    const ids = this.rungs;
    if (found && (backend === "auto" || ids.includes(backend))) {
      await this.#idle.during(() => found.moveTo(backend, options));
      return this.#proveWhenIdle(found);
    }
    throw new RefineError(
      "configuration",
      found ? `There is no back end "${backend}".` : `The model ${modelId} is not loaded.`,
      { hint: `Back ends: auto, ${ids.join(", ")}.`, details: { modelId, backend, accepted: ["auto", ...ids] } },
    );
  }

  async stats(): Promise<InferenceStats> {
    requireAlive(this.#disposed, "The inference engine");
    const all = await Promise.all([...this.#engines].map((engine) => engine.stats()));
    const sum = (of: (stats: InferenceStats) => number) => all.reduce((total, stats) => total + of(stats), 0);
    const [base] = all;
    return {
      sessions: sum(({ sessions }) => sessions),
      embeddings: sum(({ embeddings }) => embeddings),
      embeddingBytes: sum(({ embeddingBytes }) => embeddingBytes),
      cacheHits: sum(({ cacheHits }) => cacheHits),
      cacheMisses: sum(({ cacheMisses }) => cacheMisses),
      runMs: {
        unet: sum(({ runMs }) => runMs.unet),
        encoder: sum(({ runMs }) => runMs.encoder),
        decoder: sum(({ runMs }) => runMs.decoder),
      },
      encoderInputMs: sum(({ encoderInputMs }) => encoderInputMs),
      ...(base?.cache ? { cache: base.cache } : {}),
    };
  }

  async clearCache(): Promise<void> {
    await Promise.all([...this.#engines].map((engine) => engine.clearCache()));
  }

  async dispose(): Promise<void> {
    if (this.#disposed) return;
    this.#disposed = true;
    await this.#idle.dispose();
    await Promise.all([...this.#engines].map((engine) => engine.dispose()));
  }

  /** What a loaded model may ask for when it has to move. */
  #movesOf<M extends Segmenter | PromptableSegmenter>(kind: ModelKind<M>, onDispose: () => void) {
    return {
      toBase: (from: Placement<M>, reason: string, options: TaskOptions) =>
        this.#refuseLater(kind, from, reason, options),
      to: (backend: string, from: Placement<M>, options: TaskOptions) => this.#move(kind, backend, from, options),
      prove: (from: Placement<M>, options: TaskOptions) => this.#prove(kind, from, options),
      during: <T>(use: () => Promise<T>) => this.#idle.during(use),
      release: async (placement: Placement<M>) => {
        onDispose();
        await this.#release(placement);
      },
    };
  }

  async #place<M extends Segmenter | PromptableSegmenter>(
    kind: ModelKind<M>,
    options: LoadOptions,
  ): Promise<Placement<M>> {
    options.signal?.throwIfAborted();
    requireAlive(this.#disposed, "The inference engine");
    if (this.#options.accelerated.length === 0) {
      return this.#onBase(kind, { backend: this.#baseId, decidedBy: "preflight", results: [] }, options);
    }
    const key = await this.#keyOf(kind.manifest);
    const remembered = await this.#memory.read(key);
    if (!remembered) {
      if (this.#options.preflight !== "when-idle") return this.#decide(kind, key, undefined, options);
      const undecided: BackendDecision = { backend: this.#baseId, decidedBy: "preflight", results: [] };
      return { ...(await this.#onBase(kind, undecided, options)), isUndecided: true };
    }
    const rung = this.#options.accelerated.find(({ id }) => id === remembered.backend);
    if (!rung) return this.#onBase(kind, remembered, options);
    try {
      return await this.#onRung(kind, rung, remembered, options);
    } catch (error) {
      options.signal?.throwIfAborted();
      // It ran here before: something has changed. The base takes over, for this session and the next.
      return this.#fallBack(
        kind,
        key,
        remembered,
        { backend: rung.id, stage: "load", reason: messageOf(error) },
        options,
      );
    }
  }

  #proveWhenIdle(model: LadderSegmenter | LadderPromptable): void {
    if (!model.placement.isUndecided) return;
    this.#unproven.add(model);
    this.#idle.schedule();
  }

  #nextProof(): IdleTask | undefined {
    const [model] = this.#unproven;
    return (
      model &&
      (async (signal) => {
        try {
          await model.prove({ signal });
        } finally {
          if (!signal.aborted) this.#unproven.delete(model);
        }
      })
    );
  }

  /** The pre-flight of a model that is in use on the base, which stays loaded: embeddings that it made are decoded there. */
  async #prove<M extends Segmenter | PromptableSegmenter>(
    kind: ModelKind<M>,
    from: Placement<M>,
    options: TaskOptions,
  ): Promise<Placement<M>> {
    if (!from.isUndecided) return from;
    const decided = await this.#decide(kind, await this.#keyOf(kind.manifest), from.model, options);
    return decided.isBase ? decided : { ...decided, standby: from };
  }

  /**
   * Climbs the rungs from the best; the first that passes everything stays.
   *
   * @param inUse the model on the base where it is loaded already; it is not disposed.
   */
  async #decide<M extends Segmenter | PromptableSegmenter>(
    kind: ModelKind<M>,
    key: string,
    inUse: M | undefined,
    options: LoadOptions,
  ): Promise<Placement<M>> {
    const onBase = inUse ?? (await kind.load(this.#base, options));
    const results: PreflightResult[] = [];
    let reference: ProbeAnswer | undefined;
    const nonce = Date.now();
    for (const rung of this.#options.accelerated) {
      let opening: Promise<InferenceEngine> | undefined;
      try {
        const unsuited = await rung.unsuited?.();
        if (unsuited !== undefined) throw new Refusal("open", unsuited);
        const engine = await this.#step("open", () => (opening = rung.open()), options);
        const { gpu } = engine.backend;
        const largest = Math.max(...kind.manifest.files.map(({ bytes }) => bytes));
        const needs = kind.manifest.task === "promptable-segmentation" ? (kind.manifest.gpu ?? {}) : {};
        const refusal = gpu && gpuRefusal(gpu, needs, largest);
        if (refusal) throw new Refusal("limits", refusal);
        const model = await this.#step("load", (signal) => kind.load(engine, { signal }), options);
        const answer = await this.#step("run", (signal) => kind.probe(model, { signal, warm: true, nonce }), options);
        reference ??= await kind.probe(onBase, { signal: options.signal, warm: false, nonce });
        this.#compare(answer, reference);
        results.push({
          backend: rung.id,
          outcome: "passed",
          reason: `as right as ${this.#baseId}, ${(reference.milliseconds / answer.milliseconds).toFixed(1)} times as fast`,
          milliseconds: answer.milliseconds,
        });
        const decision: BackendDecision = { backend: rung.id, decidedBy: "preflight", results };
        options.signal?.throwIfAborted();
        await this.#memory.write(key, decision);
        if (!inUse) await onBase.dispose();
        this.#engines.add(engine);
        return { model, engine, decision, isBase: false };
      } catch (error) {
        // Also one that opens only after its time was up.
        const disposed = opening?.then(
          (engine) => engine.dispose(),
          () => {},
        );
        if (!(error instanceof Refusal && error.stage === "open")) await disposed;
        if (options.signal?.aborted || !(error instanceof Refusal)) {
          if (!inUse) await onBase.dispose();
          options.signal?.throwIfAborted();
          throw error;
        }
        this.#options.logger?.debug(`${rung.id} is not used for ${kind.manifest.id}: ${error.message}`);
        results.push({
          backend: rung.id,
          outcome: "refused",
          stage: error.stage,
          reason: error.message,
          ...(error.milliseconds === undefined ? {} : { milliseconds: error.milliseconds }),
        });
      }
    }
    const decision: BackendDecision = { backend: this.#baseId, decidedBy: "preflight", results };
    await this.#memory.write(key, decision);
    return { model: onBase, engine: this.#base, decision, isBase: true };
  }

  /** @throws Refusal. */
  #compare(answer: ProbeAnswer, reference: ProbeAnswer): void {
    const same = agreement(answer.values, reference.values);
    if (same < (this.#options.leastAgreement ?? 0.99)) {
      throw new Refusal(
        "parity",
        `its answer agrees with ${this.#baseId} at only ${(same * 100).toFixed(1)} % of the places`,
        answer.milliseconds,
      );
    }
    if (answer.milliseconds > reference.milliseconds) {
      throw new Refusal(
        "timing",
        `it takes ${answer.milliseconds.toFixed(0)} ms, ${this.#baseId} ${reference.milliseconds.toFixed(0)} ms`,
        answer.milliseconds,
      );
    }
  }

  /** One step of a pre-flight: what it throws, and that it never ends, is a refusal; cancelling is not. */
  async #step<T>(stage: PreflightStage, run: (signal: AbortSignal) => Promise<T>, { signal }: TaskOptions): Promise<T> {
    const limitMs = this.#options.stepTimeoutMs ?? defaultStepTimeoutMs;
    const controller = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const cancelled = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Refusal(stage, `no answer within ${limitMs / 1000} s`)), limitMs);
      signal?.addEventListener("abort", () => reject(signal.reason), { signal: controller.signal });
    });
    try {
      signal?.throwIfAborted();
      return await Promise.race([run(signal ?? controller.signal), cancelled]);
    } catch (error) {
      signal?.throwIfAborted();
      // A damaged or missing file is no fault of the back end: the base would fail too.
      if (error instanceof Refusal || isRefineError(error, "model-integrity") || isRefineError(error, "model-fetch")) {
        throw error;
      }
      throw new Refusal(stage, messageOf(error));
    } finally {
      clearTimeout(timer);
      controller.abort();
    }
  }

  async #onBase<M extends Segmenter | PromptableSegmenter>(
    kind: ModelKind<M>,
    decision: BackendDecision,
    options: LoadOptions,
  ): Promise<Placement<M>> {
    return { model: await kind.load(this.#base, options), engine: this.#base, decision, isBase: true };
  }

  async #onRung<M extends Segmenter | PromptableSegmenter>(
    kind: ModelKind<M>,
    rung: Rung,
    decision: BackendDecision,
    options: LoadOptions,
  ): Promise<Placement<M>> {
    const engine = await rung.open();
    try {
      const model = await kind.load(engine, options);
      this.#engines.add(engine);
      return { model, engine, decision, isBase: false };
    } catch (error) {
      await engine.dispose();
      throw error;
    }
  }

  async #refuseLater<M extends Segmenter | PromptableSegmenter>(
    kind: ModelKind<M>,
    from: Placement<M>,
    reason: string,
    options: TaskOptions,
  ): Promise<Placement<M>> {
    const key = await this.#keyOf(kind.manifest);
    const failed = { backend: from.decision.backend, stage: "later" as const, reason };
    const { standby, ...failing } = from;
    const placement = await this.#fallBack(kind, key, from.decision, failed, options, standby);
    await this.#release(failing);
    return placement;
  }

  async #fallBack<M extends Segmenter | PromptableSegmenter>(
    kind: ModelKind<M>,
    key: string,
    before: BackendDecision,
    failed: Pick<PreflightResult, "backend" | "reason"> & { readonly stage: PreflightStage },
    options: LoadOptions,
    standby?: Placement<M>,
  ): Promise<Placement<M>> {
    this.#options.logger?.warn(
      `${failed.backend} failed for ${kind.manifest.id}, ${this.#baseId} takes over: ${failed.reason}`,
    );
    const others = before.results.filter(({ backend }) => backend !== failed.backend);
    const decision: BackendDecision = {
      backend: this.#baseId,
      decidedBy: "preflight",
      results: [...others, { ...failed, outcome: "refused" }],
    };
    await this.#memory.write(key, decision);
    return standby ? { ...standby, isUndecided: false, decision } : this.#onBase(kind, decision, options);
  }

  async #move<M extends Segmenter | PromptableSegmenter>(
    kind: ModelKind<M>,
    backend: string,
    from: Placement<M>,
    options: TaskOptions,
  ): Promise<Placement<M>> {
    const key = await this.#keyOf(kind.manifest);
    let placement: Placement<M>;
    if (backend === "auto") {
      await this.#memory.write(key, undefined);
      placement = await this.#place(kind, options);
    } else {
      const decision: BackendDecision = { backend, decidedBy: "user", results: from.decision.results };
      const rung = this.#options.accelerated.find(({ id }) => id === backend);
      placement = rung
        ? await this.#onRung(kind, rung, decision, options)
        : await this.#onBase(kind, decision, options);
      await this.#memory.write(key, decision);
    }
    await this.#release(from);
    return placement;
  }

  /** The base is shared and stays; an accelerated engine serves one model and goes with it. */
  async #release<M extends Segmenter | PromptableSegmenter>(placement: Placement<M>): Promise<void> {
    const { model, engine, isBase, standby } = placement;
    if (isBase) return model.dispose();
    if (standby) await this.#release(standby);
    this.#engines.delete(engine);
    await engine.dispose();
  }

  /** A file name that says nothing: machine and model, hashed. */
  async #keyOf(manifest: ModelManifest): Promise<string> {
    const { onnxruntimeVersion } = this.#base.backend;
    const parts = [await this.#options.machine, this.#baseId, onnxruntimeVersion, await modelDigest(manifest)];
    return sha256Hex(new TextEncoder().encode(JSON.stringify(parts)));
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
