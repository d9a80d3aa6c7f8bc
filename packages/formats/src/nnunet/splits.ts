import { RefineError } from "@samrefine/core";

export interface NnunetSplit {
  readonly train: readonly string[];
  readonly val: readonly string[];
}

export interface NnunetSplitOptions {
  /** Cases whose labels a person made or approved. */
  readonly trusted: readonly string[];
  /** Cases with pseudo labels: always in training, never in validation, or a fold would score a network on its own kind. */
  readonly pseudo: readonly string[];
  /** Default 5, as nnU-Net has them; never more than there are trusted cases. */
  readonly folds?: number;
}

/**
 * Content of nnU-Net's `splits_final.json` for a data set with pseudo labels: every trusted case is validated on once.
 * nnU-Net looks for the file in the data set's folder under nnUNet_preprocessed.
 * @throws RefineError `configuration` with less than two trusted cases: nothing is left to validate on.
 * @see https://github.com/MIC-DKFZ/nnUNet/blob/master/documentation/manual_data_splits.md
 */
export function createNnunetSplits({ trusted, pseudo, folds = 5 }: NnunetSplitOptions): readonly NnunetSplit[] {
  const count = Math.min(folds, trusted.length);
  if (count < 2) {
    throw new RefineError("configuration", `${trusted.length} trusted cases cannot be split; two are the least.`, {
      hint: "Label one more case, or train with nnU-Net's fold `all`.",
      details: { trusted: trusted.length, folds },
    });
  }
  return Array.from({ length: count }, (_, fold) => {
    const val = trusted.filter((_, index) => index % count === fold);
    return { train: [...trusted.filter((_, index) => index % count !== fold), ...pseudo], val };
  });
}
