interface Grid {
  readonly columns: number;
  readonly rows: number;
}

/**
 * Closed outlines of all labels along the edges of their pixels, holes included, as the `d` of an SVG path.
 * @param labels row-major, 0 = background.
 * @param scale SVG units per pixel; the corner of the first pixel is (0, 0).
 */
export function outlinePath(
  labels: Uint8Array,
  { columns, rows }: Grid,
  scale: { readonly x: number; readonly y: number },
): string {
  const edges = directedEdges(labels, { columns, rows });
  const point = (corner: number): string => {
    const x = (corner % (columns + 1)) * scale.x;
    const y = Math.floor(corner / (columns + 1)) * scale.y;
    return `${Number(x.toFixed(2))} ${Number(y.toFixed(2))}`;
  };
  const loops: string[] = [];
  for (const [start, ends] of edges) {
    while (ends.length > 0) {
      // As many edges end at a corner as begin there, so that a walk stops only where it began.
      const corners = [start];
      for (let corner = ends.pop(); corner !== undefined; corner = edges.get(corner)?.pop()) corners.push(corner);
      corners.pop();
      loops.push(
        `M${corners
          .filter((corner, n) => isTurn(corners, n, corner))
          .map(point)
          .join("L")}Z`,
      );
    }
  }
  return loops.join("");
}

/** From each corner of the pixel grid to the corners its edges lead to, with the label to the right of the way. */
function directedEdges(labels: Uint8Array, { columns, rows }: Grid): ReadonlyMap<number, number[]> {
  const edges = new Map<number, number[]>();
  const at = (x: number, y: number): number =>
    x < 0 || y < 0 || x >= columns || y >= rows ? 0 : labels[y * columns + x]!;
  const add = (from: number, to: number): void => {
    const ends = edges.get(from);
    if (ends === undefined) edges.set(from, [to]);
    else ends.push(to);
  };
  for (let y = 0; y < rows; y++) {
    for (let x = 0; x < columns; x++) {
      const label = at(x, y);
      if (label === 0) continue;
      const upperLeft = y * (columns + 1) + x;
      const lowerLeft = upperLeft + columns + 1;
      if (at(x, y - 1) !== label) add(upperLeft, upperLeft + 1);
      if (at(x + 1, y) !== label) add(upperLeft + 1, lowerLeft + 1);
      if (at(x, y + 1) !== label) add(lowerLeft + 1, lowerLeft);
      if (at(x - 1, y) !== label) add(lowerLeft, upperLeft);
    }
  }
  return edges;
}

/** Corners amid a straight line are left out. */
function isTurn(corners: readonly number[], n: number, corner: number): boolean {
  return corner - corners.at(n - 1)! !== corners[(n + 1) % corners.length]! - corner;
}
