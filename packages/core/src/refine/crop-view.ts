import type { ImageGeometry } from "../geometry/geometry.ts";
import type { Image2D } from "../image/image.ts";
import { maskBox, type PixelBox } from "../mask/measure.ts";
import type { CropRule } from "./crop-rule.ts";
import type { PromptUnit } from "./derive-prompts.ts";

/** A part of an image. */
export interface Crop {
  /** Inclusive pixel indices of the image. */
  readonly box: PixelBox;
  /** Within how many pixels of each side SAM's answer fades; 0 where the image ends. */
  readonly fade: { readonly left: number; readonly top: number; readonly right: number; readonly bottom: number };
}

/** Objects that SAM is asked about on one encoding. */
export interface EncodedView {
  /** Undefined: the whole image. */
  readonly crop: Crop | undefined;
  readonly units: ReadonlySet<PromptUnit>;
}

/** A crop of more than this share of the image gains too little to be worth an encoding of its own. */
const LARGEST_SHARE = 0.7;

/**
 * Which encodings a plan needs for its objects: those that need the whole image first, then crop by crop in the order of the
 * objects. Objects with the same crop share it.
 *
 * @param rule undefined: all objects are seen on the whole image.
 */
export function encodedViews(
  units: readonly PromptUnit[],
  rule: CropRule | undefined,
  image: ImageGeometry,
): readonly EncodedView[] {
  if (rule === undefined) return units.length === 0 ? [] : [{ crop: undefined, units: new Set(units) }];
  const objects = rule.around === "all-objects" ? [units] : units.map((unit) => [unit]);
  const whole = new Set<PromptUnit>();
  const crops = new Map<string, { readonly crop: Crop; readonly units: Set<PromptUnit> }>();
  for (const object of objects) {
    const crop = cropAround(object, rule, image);
    const key = JSON.stringify(crop?.box);
    if (crop !== undefined && !crops.has(key)) crops.set(key, { crop, units: new Set() });
    const view = crop === undefined ? whole : (crops.get(key)?.units ?? whole);
    for (const unit of object) view.add(unit);
  }
  return [...(whole.size === 0 ? [] : [{ crop: undefined, units: whole }]), ...crops.values()];
}

/** Undefined where the crop would be nearly all of the image. */
function cropAround(units: readonly PromptUnit[], rule: CropRule, image: ImageGeometry): Crop | undefined {
  const boxes = units.flatMap(({ target }) => {
    const box = maskBox(target);
    return box === undefined ? [] : [boxOnImage(box, target.geometry, image)];
  });
  if (boxes.length === 0) return undefined;
  const xMin = Math.min(...boxes.map((box) => box.xMin));
  const yMin = Math.min(...boxes.map((box) => box.yMin));
  const xMax = Math.max(...boxes.map((box) => box.xMax));
  const yMax = Math.max(...boxes.map((box) => box.yMax));
  const longer = Math.max(xMax - xMin, yMax - yMin) + 1;
  // SAM's frame is square: what a longer side leaves room for costs nothing.
  const side = Math.max(longer + 2 * Math.ceil(longer * rule.marginFraction), rule.minimumSide);
  const [left, right] = placeSide(xMin, xMax, side, image.columns);
  const [top, bottom] = placeSide(yMin, yMax, side, image.rows);
  const area = (right - left + 1) * (bottom - top + 1);
  if (area > LARGEST_SHARE * image.columns * image.rows) return undefined;
  return {
    box: { xMin: left, yMin: top, xMax: right, yMax: bottom },
    fade: {
      left: left === 0 ? 0 : (xMin - left) >> 1,
      top: top === 0 ? 0 : (yMin - top) >> 1,
      right: right === image.columns - 1 ? 0 : (right - xMax) >> 1,
      bottom: bottom === image.rows - 1 ? 0 : (bottom - yMax) >> 1,
    },
  };
}

/** All pixels of the image that a pixel of the box covers. */
function boxOnImage(box: PixelBox, grid: ImageGeometry, image: ImageGeometry): PixelBox {
  const [scaleX, scaleY] = [image.columns / grid.columns, image.rows / grid.rows];
  return {
    xMin: Math.floor(box.xMin * scaleX),
    yMin: Math.floor(box.yMin * scaleY),
    xMax: Math.min(Math.ceil((box.xMax + 1) * scaleX), image.columns) - 1,
    yMax: Math.min(Math.ceil((box.yMax + 1) * scaleY), image.rows) - 1,
  };
}

/** A side of the given length around `low..high`, moved into the image and shortened to it. */
function placeSide(low: number, high: number, side: number, length: number): readonly [first: number, last: number] {
  const size = Math.min(side, length);
  const start = Math.floor((low + high + 1 - size) / 2);
  const first = Math.min(Math.max(start, 0), length - size);
  return [first, first + size - 1];
}

/** The pixels of a crop, in an array of their own. */
export function cutImage({ geometry, channels, data }: Image2D, { box }: Crop): Image2D {
  const size = cropGeometry(geometry, { box });
  const width = size.columns * channels;
  const cut = data.slice(0, size.rows * width);
  for (let row = 0; row < size.rows; row++) {
    const start = ((box.yMin + row) * geometry.columns + box.xMin) * channels;
    cut.set(data.subarray(start, start + width), row * width);
  }
  return { geometry: size, channels, data: cut };
}

/** The grid of a crop; its pixels are those of the image. */
export function cropGeometry({ spacingMm }: ImageGeometry, { box }: Pick<Crop, "box">): ImageGeometry {
  return {
    columns: box.xMax - box.xMin + 1,
    rows: box.yMax - box.yMin + 1,
    ...(spacingMm && { spacingMm }),
  };
}
