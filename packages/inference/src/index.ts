export type { EmbeddingPrecision } from "./cache/embedding.ts";
export * from "./contract.ts";
export type { RawSession, RawSessionFactory, RawSessionOptions, RawTensor } from "./raw-session.ts";
export type { WasmPaths } from "./web-runtime.ts";
export type { WorkerLike } from "./worker/worker-connection.ts";
export { createWorkerEngine, type WorkerEngineOptions } from "./worker/worker-engine.ts";
