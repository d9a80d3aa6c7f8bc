import type { Tensor } from "../graph/graph.ts";

/** The reverse pass calls every rule of an operator with the same output gradient: work they share is emitted once. */
export function shareBetweenRules<T>(compute: (dy: Tensor) => T): (dy: Tensor) => T {
  const known = new Map<string, T>();
  return (dy) => {
    const value = known.get(dy.name) ?? compute(dy);
    known.set(dy.name, value);
    return value;
  };
}
