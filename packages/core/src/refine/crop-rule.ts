/**
 * What of an image SAM is shown. SAM scales what it is shown to a frame of fixed size, 1024 pixels as a rule, so that a crop
 * around a small object of a large image is seen in more detail. A crop is an encoding of its own.
 */
export interface CropRule {
  readonly kind: "crop";
  /**
   * `object`: every object that SAM is asked about (a class, or with `target: "component"` a component) is shown by itself,
   * one encoding for each. `all-objects`: one crop holds them all.
   */
  readonly around: "object" | "all-objects";
  /**
   * Added on every side of the object's box, as a share of the box's longer side. In the outer half of the margin SAM's
   * logits fade into the network's, so that an answer that reaches the border is not cut straight.
   */
  readonly marginFraction: number;
  /** In pixels of the image. Smaller crops are widened: SAM wants to see what lies around. */
  readonly minimumSide: number;
}
