/** ln(p / (1 - p)). */
export function logit(probability: number): number {
  return Math.log(probability / (1 - probability));
}

/** 1 / (1 + e^-z). */
export function sigmoid(logitValue: number): number {
  return 1 / (1 + Math.exp(-logitValue));
}

/** Rounds to the nearest integer and a tie to the even one, as tensor libraries do (`Math.round` rounds ties up). */
export function roundHalfEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  const rounded = rest < 0.5 || (rest === 0.5 && floor % 2 === 0) ? floor : floor + 1;
  // -0 would be another value to a strict comparison.
  return rounded + 0;
}
