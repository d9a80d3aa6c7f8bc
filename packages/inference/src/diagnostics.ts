import type { BackendReport, InferenceStats } from "./contract.ts";
import type { BackendChoice } from "./ladder/ladder-engine.ts";

export interface DiagnosticsInput {
  readonly backend: BackendReport;
  readonly stats: InferenceStats;
  /** Of a ladder: which back end runs each model, and why. */
  readonly choices?: readonly BackendChoice[] | undefined;
  /** What the page knows of its place, e.g. `{ browser: navigator.userAgent, cores: navigator.hardwareConcurrency }`. */
  readonly surroundings?: Readonly<Record<string, string | number | boolean>> | undefined;
}

/**
 * What helps to find out why something is slow or fails, as text to be copied into a report: back ends, limits, timings,
 * caches, versions. It holds nothing of a patient, a study or an address, since none of its sources does.
 */
export function describeDiagnostics({ backend, stats, choices = [], surroundings = {} }: DiagnosticsInput): string {
  const { runMs, cache } = stats;
  return [
    `Back end: ${backend.description}`,
    `ONNX Runtime: ${backend.onnxruntimeVersion}`,
    ...gpuLines(backend),
    ...choices.flatMap(({ modelId, report, decidedBy, results }) => [
      `Model ${modelId}: ${report.description}${decidedBy === "user" ? ", chosen by the user" : ""}`,
      ...gpuLines(report),
      ...results.map(
        ({ backend: id, outcome, stage, reason }) =>
          `  ${id} ${outcome}${stage === undefined ? "" : ` at ${stage}`}: ${reason}`,
      ),
    ]),
    `Sessions: ${stats.sessions}; embeddings alive: ${stats.embeddings} (${megabytes(stats.embeddingBytes)})`,
    `Time in models: U-Net ${seconds(runMs.unet)}, SAM encoder ${seconds(runMs.encoder)}, SAM decoder ${seconds(runMs.decoder)}`,
    ...(cache
      ? [
          `Cache in memory: ${tier(cache.memory)}`,
          cache.stored
            ? `Cache in storage: ${tier(cache.stored)}, ${cache.stored.failures} failures, kept ${Math.round(cache.stored.maxAgeMs / 86_400_000)} days`
            : "Cache in storage: none",
        ]
      : []),
    ...Object.entries(surroundings).map(([name, value]) => `${name}: ${value}`),
  ].join("\n");
}

function gpuLines({ gpu }: BackendReport): string[] {
  if (!gpu) return [];
  const shaders = gpu.shaderF16 ? "16-bit shaders" : "no 16-bit shaders";
  return [
    `  GPU ${gpu.description}: binds ${megabytes(gpu.storageBufferBytes)}, ${shaders}${gpu.isSoftware ? ", software" : ""}`,
  ];
}

function tier(cache: {
  readonly hits: number;
  readonly misses: number;
  readonly entries: number;
  readonly bytes: number;
  readonly limitBytes: number;
}): string {
  const { hits, misses, entries, bytes, limitBytes } = cache;
  return `${hits} hits, ${misses} misses, ${entries} embeddings, ${megabytes(bytes)} of ${megabytes(limitBytes)}`;
}

function megabytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}

function seconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(2)} s`;
}
