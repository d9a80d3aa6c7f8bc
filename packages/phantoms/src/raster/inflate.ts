/**
 * Gives a flat shape a thickness, as blowing air into it would: solves div grad p = p / screen² - 4 with p = 0 on the
 * outline and returns sqrt(p). A disc becomes a half sphere; a long strip a half tube, a factor sqrt(2) too thick.
 *
 * @param level distance to the outline in pixels, positive inside; only its size next to the outline matters. It places
 *   the outline between pixels, so that the thickness has no stairs.
 * @param options.screen where given, thickness levels off at 2 * screen pixels.
 * @returns half thickness in pixels, 0 outside.
 */
export function inflate(
  level: Float32Array,
  size: { readonly columns: number; readonly rows: number },
  options: { readonly iterations?: number; readonly screen?: number } = {},
): Float32Array {
  const { columns, rows } = size;
  const result = new Float32Array(level.length);
  const cells: number[] = [];
  for (let y = 1; y < rows - 1; y++) {
    for (let x = 1; x < columns - 1; x++) {
      if (level[y * columns + x]! > 0) cells.push(y * columns + x);
    }
  }
  const screening = options.screen === undefined ? 0 : 1 / (options.screen * options.screen);
  // A neighbour outside stands for a ghost value that makes p vanish on the outline, not at that neighbour's centre.
  const weight = new Float32Array(cells.length);
  cells.forEach((at, i) => {
    let diagonal = 4 + screening;
    for (const neighbour of [at - 1, at + 1, at - columns, at + columns]) {
      const outside = level[neighbour]!;
      if (outside <= 0) diagonal += Math.min(-outside / level[at]!, 5);
    }
    weight[i] = 1 / diagonal;
  });
  const order = Int32Array.from(cells);
  const iterations = options.iterations ?? 48;
  const relaxation = 1.88;
  for (let iteration = 0; iteration < iterations; iteration++) {
    // Up and down in turn: information crosses a long shape in one sweep.
    const backwards = iteration % 2 === 1;
    for (let n = 0; n < order.length; n++) {
      const i = backwards ? order.length - 1 - n : n;
      const at = order[i]!;
      const sum = result[at - 1]! + result[at + 1]! + result[at - columns]! + result[at + columns]! + 4;
      result[at] = result[at]! + relaxation * (sum * weight[i]! - result[at]!);
    }
  }
  for (let i = 0; i < result.length; i++) result[i] = Math.sqrt(Math.max(0, result[i]!));
  return result;
}
