export interface LabelmapSize {
  readonly columns: number;
  readonly rows: number;
  readonly slices: number;
  readonly segments: number;
}

/**
 * Labels of `segments` ellipsoids that lie on a grid over the volume, each over most slices of its layer: the same labels for
 * the same size. One byte per voxel, slice after slice.
 */
export function drawLabelmap({ columns, rows, slices, segments }: LabelmapSize): Uint8Array {
  const labels = new Uint8Array(columns * rows * slices);
  // Few segments lie side by side and reach through the volume; many lie in several layers, as the organs of a body do.
  const layers = Math.max(1, Math.round(segments / 25));
  const perLayer = Math.ceil(segments / layers);
  const across = Math.ceil(Math.sqrt(perLayer));
  const [width, height, depth] = [columns / across, rows / Math.ceil(perLayer / across), slices / layers];
  for (let segment = 0; segment < segments; segment++) {
    const layer = Math.floor(segment / perLayer);
    const place = segment % perLayer;
    const centreX = ((place % across) + 0.5) * width;
    const centreY = (Math.floor(place / across) + 0.5) * height;
    const centreZ = (layer + 0.5) * depth;
    for (let k = Math.ceil(layer * depth); k < Math.min(slices, (layer + 1) * depth); k++) {
      const part = 1 - ((k - centreZ) / (0.5 * depth)) ** 2;
      if (part <= 0) continue;
      const [radiusX, radiusY] = [0.45 * width * Math.sqrt(part), 0.45 * height * Math.sqrt(part)];
      for (let y = Math.ceil(centreY - radiusY); y <= centreY + radiusY; y++) {
        const half = radiusX * Math.sqrt(Math.max(0, 1 - ((y - centreY) / radiusY) ** 2));
        const line = (k * rows + y) * columns;
        labels.fill(segment + 1, line + Math.ceil(centreX - half), line + Math.floor(centreX + half) + 1);
      }
    }
  }
  return labels;
}
