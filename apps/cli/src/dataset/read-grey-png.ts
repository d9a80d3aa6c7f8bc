import sharp from "sharp";

export interface GreyPng {
  readonly columns: number;
  readonly rows: number;
  /** Stored values, row-major; 16-bit files keep their full range. */
  readonly data: Uint8Array | Uint16Array;
  /** The file holds colour that grey values alone do not carry. */
  readonly isColour: boolean;
  readonly isPalette: boolean;
}

/**
 * Reads a PNG as one grey channel. Colour becomes luma (Rec. 601, rounded), transparency is ignored, embedded colour
 * profiles are not applied: the stored numbers are what the model was trained on.
 */
export async function readGreyPng(path: string): Promise<GreyPng> {
  const metadata = await sharp(path).metadata();
  const isDeep = metadata.depth === "ushort";
  const isGrey = metadata.space === "b-w" || metadata.space === "grey16";
  const colourspace = isGrey ? (isDeep ? "grey16" : "b-w") : isDeep ? "rgb16" : "srgb";
  const { data, info } = await sharp(path, { ignoreIcc: true })
    .removeAlpha()
    .toColourspace(colourspace)
    .raw({ depth: isDeep ? "ushort" : "uchar" })
    .toBuffer({ resolveWithObject: true });
  const bytes = Uint8Array.from(data);
  const values = isDeep ? new Uint16Array(bytes.buffer) : bytes;
  const grey = info.channels === 1 ? values : luma(values, info.channels);
  return {
    columns: info.width,
    rows: info.height,
    data: grey,
    isColour: info.channels !== 1 && !isNeutral(values, info.channels),
    isPalette: metadata.isPalette === true,
  };
}

/** Width and height without decoding the pixels. */
export async function readPngSize(path: string): Promise<{ readonly columns: number; readonly rows: number }> {
  const { width, height } = await sharp(path).metadata();
  return { columns: width, rows: height };
}

function luma(values: Uint8Array | Uint16Array, channels: number): Uint8Array | Uint16Array {
  const grey =
    values instanceof Uint8Array ? new Uint8Array(values.length / channels) : new Uint16Array(values.length / channels);
  for (let n = 0; n < grey.length; n++) {
    const at = n * channels;
    grey[n] = Math.round((299 * values[at]! + 587 * values[at + 1]! + 114 * values[at + 2]!) / 1000);
  }
  return grey;
}

function isNeutral(values: Uint8Array | Uint16Array, channels: number): boolean {
  for (let at = 0; at < values.length; at += channels) {
    if (values[at] !== values[at + 1] || values[at] !== values[at + 2]) return false;
  }
  return true;
}
