export { type BrowserLadderOptions, createBrowserLadder } from "./browser-ladder.ts";
export type { EmbeddingPrecision } from "./cache/embedding.ts";
export * from "./contract.ts";
export { type DiagnosticsInput, describeDiagnostics } from "./diagnostics.ts";
export { type IdleTask, IdleTasks } from "./idle-tasks.ts";
export type { BackendDecision, BackendMemory, PreflightResult, PreflightStage } from "./ladder/backend-memory.ts";
export type { GpuFacts } from "./ladder/gpu-adapter.ts";
export {
  type BackendChoice,
  createLadderEngine,
  type LadderEngine,
  type LadderOptions,
  type Rung,
} from "./ladder/ladder-engine.ts";
export { type ModelFolder, openModelFolder, readWebFile } from "./model-folder.ts";
export type { RawSession, RawSessionFactory, RawSessionOptions, RawTensor } from "./raw-session.ts";
export { type NetworkImage, networkImage, networkSlice } from "./unet/network-image.ts";
export type { WasmPaths } from "./web-runtime.ts";
export type { WorkerLike } from "./worker/worker-connection.ts";
export { createWorkerEngine, type WorkerEngineOptions } from "./worker/worker-engine.ts";
export { holdLife, watchLife } from "./worker/worker-life.ts";
