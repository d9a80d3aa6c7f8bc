/**
 * Logits of classes that exclude each other, as a softmax has them: a class's own less the largest of the others, the
 * background among them. Positive exactly where the class is the most probable one, and so on a finer grid too, up to the
 * pixels where three meet: enlarged bilinearly, two classes' are never positive together. With a single class it is the logit
 * of its probability. Where two are equally probable none is positive.
 *
 * @param channels per class, the background first, all of one length: logits, or logarithms of probabilities.
 * @returns one per class, without the background.
 */
export function marginLogits(channels: readonly Float32Array[]): Float32Array[] {
  const [background, ...classes] = channels;
  if (background === undefined) return [];
  const largest = background.slice();
  const second = new Float32Array(background.length).fill(Number.NEGATIVE_INFINITY);
  for (const values of classes) {
    for (let i = 0; i < values.length; i++) {
      const value = values[i] as number;
      const best = largest[i] as number;
      if (value > best) {
        second[i] = best;
        largest[i] = value;
      } else if (value > (second[i] as number)) second[i] = value;
    }
  }
  return classes.map((values) =>
    values.map((value, i) => value - (value === largest[i] ? (second[i] as number) : (largest[i] as number))),
  );
}
