export type Rgb = readonly [red: number, green: number, blue: number];
/** Recommended Display CIELab Value: L*, a*, b*, each scaled to 0..65535 (PS3.3 C.10.7.1.1). */
export type DicomLab = readonly [lightness: number, a: number, b: number];

// sRGB and the D65 white point. The standard's profile connection space is D50; dcmtk (dcmqi, 3D Slicer), dcmjs (OHIF)
// and highdicom all convert without adaptation, and a colour is only right when it comes back the same everywhere.
const WHITE: Rgb = [0.95047, 1, 1.08883];

function linear(channel: number): number {
  const c = channel / 255;
  return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
}

function companded(value: number): number {
  const c = value <= 0.0031308 ? value * 12.92 : 1.055 * value ** (1 / 2.4) - 0.055;
  return Math.round(Math.min(1, Math.max(0, c)) * 255);
}

function compress(t: number): number {
  return t > 216 / 24389 ? Math.cbrt(t) : (24389 / 27) * (t / 116) + 16 / 116;
}

function expand(t: number): number {
  return t ** 3 > 216 / 24389 ? t ** 3 : (116 * t - 16) / (24389 / 27);
}

function toUint16(value: number): number {
  return Math.round(Math.min(65535, Math.max(0, value)));
}

/** 0..255 sRGB to the scaled CIELab of Recommended Display CIELab Value. */
export function labFromRgb(rgb: Rgb): DicomLab {
  const [r, g, b] = [linear(rgb[0]), linear(rgb[1]), linear(rgb[2])];
  const x = compress((0.4124564 * r + 0.3575761 * g + 0.1804375 * b) / WHITE[0]);
  const y = compress((0.2126729 * r + 0.7151522 * g + 0.072175 * b) / WHITE[1]);
  const z = compress((0.0193339 * r + 0.119192 * g + 0.9503041 * b) / WHITE[2]);
  return [
    toUint16(((116 * y - 16) / 100) * 65535),
    toUint16(((500 * (x - y) + 128) / 255) * 65535),
    toUint16(((200 * (y - z) + 128) / 255) * 65535),
  ];
}

/** The inverse of {@link labFromRgb}, clipped to the sRGB gamut. */
export function rgbFromLab(lab: DicomLab): Rgb {
  const lightness = (lab[0] / 65535) * 100;
  const y = (lightness + 16) / 116;
  const x = y + ((lab[1] / 65535) * 255 - 128) / 500;
  const z = y - ((lab[2] / 65535) * 255 - 128) / 200;
  const [cx, cy, cz] = [expand(x) * WHITE[0], expand(y) * WHITE[1], expand(z) * WHITE[2]];
  return [
    companded(3.2404542 * cx - 1.5371385 * cy - 0.4985314 * cz),
    companded(-0.969266 * cx + 1.8760108 * cy + 0.041556 * cz),
    companded(0.0556434 * cx - 0.2040259 * cy + 1.0572252 * cz),
  ];
}
