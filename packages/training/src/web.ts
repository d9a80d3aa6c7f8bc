export { type LoadedDataset, openLoadedDataset } from "./web/loaded-dataset.ts";
export type { BrowserRun, BrowserTrainingOutcome } from "./web/protocol.ts";
export {
  type BrowserTraining,
  type BrowserTrainingOptions,
  startTraining,
  type TrainingWorker,
} from "./web/start-training.ts";
