export { type AugmentationProfile, type AugmentationSpec, augmentationProfiles } from "./data/augmentation.ts";
export type { PromptableGuide } from "./guide/slice-embeddings.ts";
export { networkFromModel } from "./import/network-from-model.ts";
export { type ExportOptions, exportModel } from "./network/export-model.ts";
export { type Network, type ParameterLayout, parameterLayout } from "./network/network.ts";
export { scbUnet } from "./network/scb-unet.ts";
export { ssl4misUnet } from "./network/ssl4mis-unet.ts";
export type { UnetOptions } from "./network/unet.ts";
export { type AdamWOptions, adamW } from "./optimiser/adamw.ts";
export { type SgdOptions, sgd } from "./optimiser/sgd.ts";
export type { Recipe } from "./recipes/recipe.ts";
export { recipes, requireRecipe } from "./recipes/registry.ts";
export { segmentationLoss } from "./recipes/segmentation-loss.ts";
export { curvesSvg } from "./report/curves.ts";
export { parseModelDescription } from "./report/description.ts";
export { trainingMetrics } from "./report/metrics.ts";
export { type ModelCardInput, modelCard } from "./report/model-card.ts";
export {
  type LabelDescription,
  MODEL_FILE,
  type ModelDescription,
  trainedModelManifest,
} from "./report/model-package.ts";
export { type Checkpoint, decodeCheckpoint, encodeCheckpoint, type RunStore } from "./run/checkpoint.ts";
export { defaultConfiguration, parseConfiguration, type TrainingConfiguration } from "./run/configuration.ts";
export type { FinalValidation, TrainingHistory, ValidationRecord } from "./run/history.ts";
export {
  CHECKPOINT_FILE,
  firstLabeledCases,
  type StepReport,
  type TrainingOptions,
  type TrainingResult,
  train,
} from "./run/train.ts";
export {
  buildTrainingStep,
  initialState,
  type Loss,
  type LossContext,
  type TrainingStep,
  type TrainingStepSpec,
} from "./run/training-step.ts";
