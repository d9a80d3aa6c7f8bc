import type { GridSize, Random } from "@samrefine/core";
import type { RawTensor } from "@samrefine/inference";
import type { Sampler } from "../data/sampler.ts";
import type { SamGuide } from "../guide/sam-guide.ts";
import type { Activation } from "../loss/activation.ts";
import type { TrainingConfiguration } from "../run/configuration.ts";
import type { PredictStudent } from "../run/student-predictor.ts";
import type { Loss, LossContext } from "../run/training-step.ts";

/** What a recipe knows about the run it composes. */
export interface RecipeContext {
  readonly configuration: TrainingConfiguration;
  readonly grid: GridSize;
  readonly labelCount: number;
  /** What the loss makes of the network's channels. */
  readonly activation: Activation;
  /** Per label, 1 when the loss has none. */
  readonly positiveWeights: readonly number[] | undefined;
  readonly ignoreLabel: number | undefined;
  /** Weight of a case's pixels in the supervised loss; cases that are not named have 1. undefined when all have. */
  readonly caseWeights: ReadonlyMap<string, number> | undefined;
  readonly labeled: Sampler;
  /** There for recipes with `usesUnlabeled`. */
  readonly unlabeled: Sampler | undefined;
  /** There for recipes with `usesPromptable`. */
  readonly guide: SamGuide | undefined;
  /** Source of whatever else a recipe draws; fork it by step. */
  readonly random: Random;
}

export interface ComposedRecipe {
  buildLoss(context: LossContext): Loss;
  /**
   * Values of the loss's inputs at a 0-based step. `samples` says what the batch held, for error messages; `predict` is the
   * first network as it is before the step.
   */
  feeds(step: number, predict: PredictStudent): BatchFeeds | Promise<BatchFeeds>;
}

export interface BatchFeeds {
  readonly inputs: Readonly<Record<string, RawTensor>>;
  readonly samples: readonly string[];
}

/** A training method: which networks, which losses, which batches. One file each. */
export interface Recipe {
  readonly name: string;
  /** One sentence for the command's help. */
  readonly summary: string;
  /** The profile "cpu": where it differs from `defaultConfiguration`. */
  readonly defaults: Partial<TrainingConfiguration>;
  /** The profile "paper": where the publication differs from `defaultConfiguration`. */
  readonly paper: Partial<TrainingConfiguration>;
  readonly usesUnlabeled: boolean;
  /** Asks SAM during training; the run needs a promptable model. */
  readonly usesPromptable?: boolean;
  /** Networks trained together; the first is validated and exported. */
  readonly networkCount: number;
  compose(context: RecipeContext): ComposedRecipe;
}
