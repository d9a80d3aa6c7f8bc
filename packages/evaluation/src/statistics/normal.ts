/**
 * Upper tail of the standard normal distribution, P(Z > z), accurate to about 1e-14 relative to the smaller tail.
 *
 * Near zero by the Taylor series of the error function, further out by the continued fraction of its complement
 * (Abramowitz and Stegun 7.1.6 and 7.1.14).
 */
export function normalUpperTail(z: number): number {
  if (Number.isNaN(z)) return Number.NaN;
  if (z < 0) return 1 - normalUpperTail(-z);
  if (z === Number.POSITIVE_INFINITY) return 0;
  const density = Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI);
  if (z < 3) {
    // P(0 < Z < z) = density * (z + z^3 / 3 + z^5 / 15 + ...).
    let term = z;
    let sum = z;
    for (let k = 3; term > sum * 1e-17; k += 2) {
      term *= (z * z) / k;
      sum += term;
    }
    return 0.5 - density * sum;
  }
  let fraction = 0;
  for (let k = 100; k > 0; k--) fraction = k / (z + fraction);
  return density / (z + fraction);
}
