import type { ImageGeometry, VolumeGeometry } from "../geometry/geometry.ts";

export type PixelArray = Uint8Array | Int8Array | Uint16Array | Int16Array | Uint32Array | Int32Array | Float32Array;

/**
 * One image in modality units (Hounsfield for CT, stored values otherwise; MONOCHROME1 already inverted so that larger is
 * brighter). `data` is row-major; several channels are interleaved per pixel (RGB) or, for 2.5D U-Nets, the neighbouring
 * slices in order. Length = rows * columns * channels.
 */
export interface Image2D<P extends PixelArray = PixelArray> {
  readonly geometry: ImageGeometry;
  readonly channels: number;
  readonly data: P;
}

/** Scalar volume; `data[i + size[0] * (j + size[1] * k)]`. */
export interface Volume<P extends PixelArray = PixelArray> {
  readonly geometry: VolumeGeometry;
  readonly data: P;
}
