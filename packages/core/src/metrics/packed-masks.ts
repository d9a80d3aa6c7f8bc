/** Two masks of one grid in one byte per voxel, so that a large volume is not copied twice. */
export interface PackedMasks {
  /** Bit 0: the reference, bit 1: the prediction. The two bits above are free for whoever works on them. */
  readonly bits: Uint8Array;
  readonly referenceVoxels: number;
  readonly predictionVoxels: number;
  readonly sharedVoxels: number;
}

export const REFERENCE = 1;
export const PREDICTION = 2;

/** Voxels where the value is `label`, or where it is not zero. Both arrays have one length. */
export function packMasks(reference: ArrayLike<number>, prediction: ArrayLike<number>, label?: number): PackedMasks {
  const bits = new Uint8Array(reference.length);
  const counts = [0, 0, 0, 0];
  for (let i = 0; i < bits.length; i++) {
    const r = reference[i];
    const p = prediction[i];
    const value =
      label === undefined
        ? (r === 0 ? 0 : REFERENCE) | (p === 0 ? 0 : PREDICTION)
        : (r === label ? REFERENCE : 0) | (p === label ? PREDICTION : 0);
    bits[i] = value;
    counts[value]!++;
  }
  const [, onlyReference, onlyPrediction, both] = counts as [number, number, number, number];
  return {
    bits,
    referenceVoxels: onlyReference + both,
    predictionVoxels: onlyPrediction + both,
    sharedVoxels: both,
  };
}
