export interface Ranking {
  /** 1-based ranks in the order of the values; ties share the mean of their ranks. */
  readonly ranks: readonly number[];
  /** Sizes of the groups of equal values, singles left out. */
  readonly ties: readonly number[];
}

/** Ranks values from small to large. */
export function rank(values: readonly number[]): Ranking {
  const order = values.map((_, index) => index).sort((a, b) => (values[a] as number) - (values[b] as number));
  const ranks = new Array<number>(values.length).fill(0);
  const ties: number[] = [];
  for (let start = 0; start < order.length; ) {
    let end = start + 1;
    while (end < order.length && values[order[end] as number] === values[order[start] as number]) end++;
    for (const index of order.slice(start, end)) ranks[index] = (start + 1 + end) / 2;
    if (end - start > 1) ties.push(end - start);
    start = end;
  }
  return { ranks, ties };
}
