/** Why a plan was chosen: a trial of several plans on labelled cases that the network was not trained on. */
export interface PlanEvidence {
  /** What was chosen and why, in a sentence or two that a viewer or a report shows as it is. */
  readonly summary: string;
  readonly dataset: string;
  /** Ids of the cases that every arm was scored on. */
  readonly cases: readonly string[];
  /** Id and version of the network. */
  readonly model: string;
  /** Id of the promptable model; absent when no arm asked one. */
  readonly sam?: string;
  /** In the order of the menu; the first is what all differences are to. */
  readonly arms: readonly PlanEvidenceArm[];
  /** Where classes are treated by different plans of the trial: which, and what it changed there. */
  readonly classes?: readonly PlanEvidenceClass[];
  /**
   * What choosing in this way is worth on cases that took no part in the choice: each case left out in turn, against the
   * first arm. The arms' own figures flatter whichever was chosen.
   */
  readonly heldOut?: { readonly difference: number; readonly interval?: EvidenceInterval };
  /** The command that makes the trial again; data and results by name only. */
  readonly command: string;
}

/** One plan of the trial. Dice and differences are fractions (0 to 1), means over cases of the mean over classes. */
export interface PlanEvidenceArm {
  readonly plan: string;
  readonly usesSam: boolean;
  readonly dice: number;
  /** 95 % bootstrap interval over cases; absent when there are too few. */
  readonly interval?: EvidenceInterval;
  /** Mean of the paired differences to the first arm. */
  readonly difference: number;
  readonly differenceInterval?: EvidenceInterval;
}

/** The plan of one class. Means over the cases that have the class. */
export interface PlanEvidenceClass {
  /** Name of the class. */
  readonly label: string;
  readonly plan: string;
  readonly usesSam: boolean;
  readonly dice: number;
  /** Mean of the paired differences to the first arm on this class. */
  readonly difference: number;
  readonly differenceInterval?: EvidenceInterval;
}

export interface EvidenceInterval {
  readonly lower: number;
  readonly upper: number;
}
