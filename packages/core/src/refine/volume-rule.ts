import type { VolumeConnectivity } from "../kernels/components.ts";

/** When a class's way from slice to slice ends (methods 7). Without such rules a finished object comes back to life. */
export interface PropagationStop {
  /** Fewer pixels of the image than this. */
  readonly minimumArea: number;
  /** SAM's own claim. */
  readonly minimumPredictedIou: number;
  /**
   * SAM's claim that the object is there, as a logit. Only models from SAM 2 on make it; with others, and without this key,
   * it stops nothing.
   */
  readonly minimumObjectScore?: number;
  /** Dice with the neighbouring slice's mask. */
  readonly minimumNeighbourDice: number;
  /** Way of the centroid, as a share of the diagonal of the neighbour's box. */
  readonly maximumCentroidShift: number;
}

/**
 * How a volume is gone through.
 * - `slice-wise`: every slice by itself, from the network's proposal for it.
 * - `propagate`: the mask of a slice is the proposal for the next one, up and down from a key slice (MedSAM's sparse
 *   markers, with stop rules). `key-slice`: the network is believed on the slice where the class's box is largest, and
 *   nowhere else. `every-slice`: the network is believed wherever it sees the class; only gaps and ends are propagated.
 * - `three-planes`: slice by slice along each of the three axes; the mean of the three probabilities decides.
 */
export type VolumeRule = (
  | { readonly mode: "slice-wise"; readonly medianOverSlices?: true }
  | {
      readonly mode: "propagate";
      readonly from: "key-slice" | "every-slice";
      readonly stop: PropagationStop;
      /**
       * Only with `every-slice`: a gap between two marked slices is gone through from both sides. `higher-predicted-iou`: of
       * two masks the one that SAM claims more of; `agreement`: the pixels of both, and nothing where one way alone arrives,
       * as beyond the outermost marks. Default: from the side of the key slice alone.
       */
      readonly meet?: "higher-predicted-iou" | "agreement";
      /** The median of the probabilities of three neighbouring slices decides, against flicker between slices. */
      readonly medianOverSlices?: true;
    }
  | { readonly mode: "three-planes" }
) & {
  /** Applied after the last slice, and after a median over slices. Default: everything stays. */
  readonly component?: VolumeComponentRule;
};

/** Which connected components of a class are kept in a volume. */
export interface VolumeComponentRule {
  readonly keep: "largest" | "all";
  /** Smaller components are dropped, even the largest. */
  readonly minimumVoxels: number;
  /** 26 (default): voxels that share a face, an edge or a corner hang together; 18: a face or an edge; 6: a face. */
  readonly connectivity?: VolumeConnectivity;
}

/** The defaults of methods 7. */
export const DEFAULT_PROPAGATION_STOP: PropagationStop = {
  minimumArea: 10,
  minimumPredictedIou: 0.7,
  minimumObjectScore: 0,
  minimumNeighbourDice: 0.3,
  maximumCentroidShift: 0.5,
};
