import { type DisplayRange, type Image2D, resizeNearest } from "@samrefine/core";
import sharp from "sharp";
import type { ReportedPrompt } from "../models/describe-outcome.ts";
import { classColor } from "./class-colors.ts";
import { escapeHtml } from "./html-page.ts";
import { outlinePath } from "./outline-path.ts";

export interface PanelSource {
  readonly image: Image2D;
  readonly displayRange: DisplayRange;
  /** Exclusive labels on the image's grid; undefined for the bare image. */
  readonly labels?: Uint8Array | undefined;
  /** Labels on the image's grid that are drawn over the others as a dashed white outline, so that both can be told apart. */
  readonly outlined?: Uint8Array | undefined;
  /** Stands above the panel. */
  readonly title?: string;
  readonly prompts?: readonly { readonly labelValue: number; readonly prompt: ReportedPrompt }[];
}

/** Where a page of panels has room: wide images stand two in a row, others all in one. */
const wideImage = { aspect: 1.6, panelsPerRow: 2, maximumWidth: 780 };

/** Height in pixels of the band that holds a panel's title. */
const titleHeight = 24;

/**
 * Draws panels in reading order with the image's true proportions, each at most `maximumWidth` wide and `maximumHeight`
 * high: grey image, classes as translucent colour with a solid border, the labels to compare with as a dashed white
 * outline, prompts as boxes and points (foreground white-ringed green, background white-ringed red), and, where any
 * panel has a title, a band above each. Returns a PNG.
 */
export async function renderPanels(
  panels: readonly PanelSource[],
  { maximumWidth = 420, maximumHeight = 420, gap = 6 } = {},
): Promise<Uint8Array> {
  const first = panels[0];
  if (first === undefined) throw new Error("no panel to draw");
  const { columns, rows, spacingMm } = first.image.geometry;
  const aspect = (columns * (spacingMm?.x ?? 1)) / (rows * (spacingMm?.y ?? 1));
  const isWide = aspect > wideImage.aspect;
  const perRow = Math.min(panels.length, isWide ? wideImage.panelsPerRow : panels.length);
  const size = panelSize(aspect, isWide ? wideImage.maximumWidth : maximumWidth, maximumHeight);
  const band = panels.some(({ title }) => title !== undefined) ? titleHeight : 0;
  const layers = await Promise.all(
    panels.map(async (panel, index) => {
      const left = (index % perRow) * (size.width + gap);
      const top = Math.floor(index / perRow) * (band + size.height + gap);
      const drawn = { input: Buffer.from(await renderPanel(panel, size)), left, top: top + band };
      return band === 0 ? [drawn] : [{ input: Buffer.from(titleSvg(panel.title ?? "", size.width)), left, top }, drawn];
    }),
  );
  return await sharp({
    create: {
      width: perRow * (size.width + gap) - gap,
      height: Math.ceil(panels.length / perRow) * (band + size.height + gap) - gap,
      channels: 3,
      background: "#ffffff",
    },
  })
    .composite(layers.flat())
    .removeAlpha()
    .png({ compressionLevel: 9 })
    .toBuffer();
}

interface PixelSize {
  readonly width: number;
  readonly height: number;
}

function panelSize(aspect: number, maximumWidth: number, maximumHeight: number): PixelSize {
  const width = Math.min(maximumWidth, maximumHeight * aspect);
  return { width: Math.max(1, Math.round(width)), height: Math.max(1, Math.round(width / aspect)) };
}

async function renderPanel(panel: PanelSource, size: PixelSize): Promise<Uint8Array> {
  const { columns, rows } = panel.image.geometry;
  const grey = await sharp(toGrey(panel.image, panel.displayRange), {
    raw: { width: columns, height: rows, channels: 1 },
  })
    .resize(size.width, size.height, { fit: "fill", kernel: "cubic" })
    .toColourspace("b-w")
    .raw()
    .toBuffer();
  const rgb = new Uint8Array(size.width * size.height * 3);
  for (let n = 0; n < size.width * size.height; n++) rgb.fill(grey[n]!, 3 * n, 3 * n + 3);
  if (panel.labels !== undefined) {
    paintLabels(rgb, resizeNearest(panel.labels, { columns, rows }, { columns: size.width, rows: size.height }), size);
  }
  const canvas = sharp(rgb, { raw: { width: size.width, height: size.height, channels: 3 } });
  const shapes = [
    ...(panel.outlined === undefined ? [] : outlineShapes(panel.outlined, { columns, rows }, size)),
    ...promptShapes(panel.prompts ?? [], { columns, rows }, size),
  ];
  return await canvas
    .composite(shapes.length === 0 ? [] : [{ input: Buffer.from(svgDocument(size, shapes)) }])
    .png()
    .toBuffer();
}

function svgDocument({ width, height }: PixelSize, shapes: readonly string[]): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">${shapes.join("")}</svg>`;
}

/** Light on dark, as large as the panel's width allows. */
function titleSvg(title: string, width: number): string {
  const margin = 8;
  const widthPerCharacter = 0.62;
  const fontSize = Math.min(14, (width - 2 * margin) / (widthPerCharacter * Math.max(1, title.length)));
  return svgDocument({ width, height: titleHeight }, [
    `<rect width="100%" height="100%" fill="#20262e"/>`,
    `<text x="${margin}" y="17" font-family="DejaVu Sans, Arial, Helvetica, sans-serif" font-size="${fontSize.toFixed(1)}" fill="#ffffff">${escapeHtml(title)}</text>`,
  ]);
}

/** White on black, so that the dashes are seen on bone as on air. */
function outlineShapes(
  labels: Uint8Array,
  grid: { readonly columns: number; readonly rows: number },
  { width, height }: PixelSize,
): readonly string[] {
  const path = outlinePath(labels, grid, { x: width / grid.columns, y: height / grid.rows });
  const stroke = (color: string, strokeWidth: number): string =>
    `<path d="${path}" fill="none" stroke="${color}" stroke-width="${strokeWidth}" stroke-dasharray="5 4"/>`;
  return [stroke("#000000", 2.6), stroke("#ffffff", 1.3)];
}

function toGrey({ data }: Image2D, { lower, upper }: DisplayRange): Uint8Array {
  const scale = 255 / (upper - lower);
  return Uint8Array.from(data, (value) => Math.min(255, Math.max(0, Math.round((value - lower) * scale))));
}

function paintLabels(rgb: Uint8Array, labels: Uint8Array, { width, height }: PixelSize): void {
  const at = (x: number, y: number): number =>
    x < 0 || y < 0 || x >= width || y >= height ? 0 : labels[y * width + x]!;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const label = at(x, y);
      if (label === 0) continue;
      const isBorder = [at(x - 1, y), at(x + 1, y), at(x, y - 1), at(x, y + 1)].some((other) => other !== label);
      const opacity = isBorder ? 1 : 0.25;
      const color = classColor(label);
      for (let channel = 0; channel < 3; channel++) {
        const index = 3 * (y * width + x) + channel;
        rgb[index] = Math.round(rgb[index]! * (1 - opacity) + color[channel]! * opacity);
      }
    }
  }
}

function promptShapes(
  prompts: NonNullable<PanelSource["prompts"]>,
  grid: { readonly columns: number; readonly rows: number },
  { width, height }: PixelSize,
): readonly string[] {
  const x = (value: number): number => ((value + 0.5) * width) / grid.columns;
  const y = (value: number): number => ((value + 0.5) * height) / grid.rows;
  return prompts.flatMap(({ labelValue, prompt }) => {
    const color = `rgb(${classColor(labelValue).join(",")})`;
    const { box, points = [] } = prompt;
    const frame =
      box === undefined
        ? []
        : [
            `<rect x="${x(box.xMin)}" y="${y(box.yMin)}" width="${Math.max(1, x(box.xMax) - x(box.xMin))}" ` +
              `height="${Math.max(1, y(box.yMax) - y(box.yMin))}" fill="none" stroke="${color}" stroke-width="1.5" stroke-dasharray="5 3"/>`,
          ];
    const dots = points.map(
      (point) =>
        `<circle cx="${x(point.x)}" cy="${y(point.y)}" r="3.5" stroke="white" stroke-width="1.2" ` +
        `fill="${point.label === "foreground" ? "#00c853" : "#e53935"}"/>`,
    );
    return [...frame, ...dots];
  });
}
