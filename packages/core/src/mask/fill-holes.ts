import { labelComponents2D } from "../kernels/components.ts";
import type { Mask } from "./mask.ts";

/**
 * Fills background that does not reach the border of the image through edge-sharing pixels, as SciPy's
 * `binary_fill_holes`. @throws RefineError `shape-mismatch`.
 */
export function fillHoles(mask: Mask): Mask {
  const { columns, rows } = mask.geometry;
  const background = mask.data.map((value) => 1 - value);
  const { labels, count } = labelComponents2D(background, mask.geometry, 4);
  const isOpen = new Uint8Array(count + 1);
  for (let x = 0; x < columns; x++) {
    isOpen[labels[x] as number] = 1;
    isOpen[labels[(rows - 1) * columns + x] as number] = 1;
  }
  for (let y = 0; y < rows; y++) {
    isOpen[labels[y * columns] as number] = 1;
    isOpen[labels[(y + 1) * columns - 1] as number] = 1;
  }
  // Label 0 is the mask itself.
  isOpen[0] = 0;
  return { geometry: mask.geometry, data: background.map((_, i) => 1 - (isOpen[labels[i] as number] as number)) };
}
