/** Dice of one label on one slice; undefined where neither side has it. */
export function maskDice(found: Uint8Array, truth: Uint8Array, value: number): number | undefined {
  let both = 0;
  let sum = 0;
  for (let n = 0; n < found.length; n++) {
    const isFound = found[n] === value;
    const isTrue = truth[n] === value;
    both += Number(isFound && isTrue);
    sum += Number(isFound) + Number(isTrue);
  }
  return sum === 0 ? undefined : (2 * both) / sum;
}
