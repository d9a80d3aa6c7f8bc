import type { GridSize } from "@samrefine/core";

/** How an image lies in a square input frame. `letterbox` keeps its aspect, `stretch` does not. */
export type FrameFit = "letterbox" | "stretch";

/**
 * The square input frame of a promptable model. Letterboxed, the image is scaled so that its longest side fills the frame,
 * and lies in the upper left corner; right and bottom are padding (methods.md 1.5 step 4). Stretched, both its sides fill
 * the frame (MedSAM, SAM 2; methods.md 6.3, 6.4).
 */
export interface SamFrame {
  readonly fit: FrameFit;
  readonly image: GridSize;
  /** 1024 for SAM. */
  readonly side: number;
  /** Size of the scaled image within the frame, whole pixels. */
  readonly scaled: GridSize;
}

/** Both sides are rounded half up, each on its own: 1241 x 472 becomes 1024 x 389. */
export function letterbox(image: GridSize, side: number): SamFrame {
  const scale = side / Math.max(image.columns, image.rows);
  const scaledSide = (length: number) => Math.max(1, Math.floor(length * scale + 0.5));
  return {
    fit: "letterbox",
    image,
    side,
    scaled: { columns: scaledSide(image.columns), rows: scaledSide(image.rows) },
  };
}

export function frameOf(image: GridSize, side: number, fit: FrameFit): SamFrame {
  if (fit === "letterbox") return letterbox(image, side);
  return { fit, image, side, scaled: { columns: side, rows: side } };
}

/**
 * A pixel index of a grid over the extent of the image, in frame pixels: index scaling by the rounded sizes, with no half
 * pixel added (methods.md 1.5 step 5; the shift by 0.5 happens inside the decoder).
 */
export function toFrame(frame: SamFrame, grid: GridSize, x: number, y: number): readonly [x: number, y: number] {
  return [(x * frame.scaled.columns) / grid.columns, (y * frame.scaled.rows) / grid.rows];
}
