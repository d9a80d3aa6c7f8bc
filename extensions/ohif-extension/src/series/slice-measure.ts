/** How the size of a segment is told: a volume, an area or, without spacing, a count of pixels. */
export interface SizeUnit {
  readonly kind: "ml" | "mm2" | "pixels";
  /** Size of one pixel of each slice, in the unit; one entry per slice. */
  readonly perPixel: readonly number[];
}

/**
 * @param pixelAreaMm2 Undefined when the image carries no pixel spacing.
 * @param positionsMm Signed distance of each slice along the common normal, in slice order; undefined when the slices do not
 *   share one orientation or carry no position. Irregular distances are honoured: a slice reaches half-way to its neighbours.
 */
export function sizeUnit(
  sliceCount: number,
  pixelAreaMm2: number | undefined,
  positionsMm: readonly number[] | undefined,
): SizeUnit {
  if (pixelAreaMm2 === undefined) return { kind: "pixels", perPixel: new Array<number>(sliceCount).fill(1) };
  const thickness = positionsMm && sliceThicknesses(positionsMm);
  if (!thickness) return { kind: "mm2", perPixel: new Array<number>(sliceCount).fill(pixelAreaMm2) };
  return { kind: "ml", perPixel: thickness.map((mm) => (mm * pixelAreaMm2) / 1000) };
}

/** Half the distance to both neighbours; an outermost slice counts its one neighbour twice. Undefined for one slice. */
function sliceThicknesses(positions: readonly number[]): number[] | undefined {
  if (positions.length < 2) return undefined;
  const order = positions.map((_, index) => index).sort((a, b) => positions[a]! - positions[b]!);
  const thickness = new Array<number>(positions.length).fill(0);
  order.forEach((index, rank) => {
    const here = positions[index]!;
    const below = rank > 0 ? here - positions[order[rank - 1]!]! : undefined;
    const above = rank < order.length - 1 ? positions[order[rank + 1]!]! - here : undefined;
    thickness[index] = ((below ?? above ?? 0) + (above ?? below ?? 0)) / 2;
  });
  return thickness.some((mm) => mm <= 0) ? undefined : thickness;
}

/** Kept: to make one takes longer than to use it. */
const wholeNumbers = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

/** E.g. "1,024". */
export function formatCount(value: number): string {
  return wholeNumbers.format(value);
}

/** E.g. "12.3 ml", "420 mm²", "1,024 px". */
export function formatSize(value: number, kind: SizeUnit["kind"]): string {
  if (kind === "pixels") return `${formatCount(value)} px`;
  if (kind === "mm2") return `${formatCount(value)} mm²`;
  return `${value.toFixed(value < 10 ? 2 : 1)} ml`;
}
