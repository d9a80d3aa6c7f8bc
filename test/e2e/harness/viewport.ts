import type { Page } from "playwright-core";

/** The little of Cornerstone that the tests ask for, as OHIF puts it on `window`. */
interface CornerstoneViewport {
  readonly id: string;
  readonly element: HTMLElement;
  getImageIds(): readonly string[];
  getCanvas(): HTMLCanvasElement;
  getCurrentImageId(): string | undefined;
  getSliceIndex(): number;
  getNumberOfSlices(): number;
  getImageData():
    | {
        readonly dimensions: readonly number[];
        readonly imageData: { indexToWorld(index: number[]): number[]; worldToIndex(world: number[]): number[] };
      }
    | undefined;
  worldToCanvas(world: number[]): [number, number];
  canvasToWorld(canvas: number[]): [number, number, number];
  render(): void;
}
interface CornerstoneGlobal {
  readonly cornerstone?: {
    getRenderingEngines(): readonly { getViewports(): readonly CornerstoneViewport[] }[] | undefined;
    readonly utilities: { jumpToSlice(element: HTMLElement, options: { imageIndex: number }): Promise<void> };
    readonly cache: {
      getImage(imageId: string):
        | {
            readonly columns: number;
            readonly rows: number;
            readonly referencedImageId?: string;
            readonly voxelManager: { getScalarData(): ArrayLike<number> };
          }
        | undefined;
    };
  };
  readonly cornerstoneTools?: {
    readonly annotation: {
      readonly state: {
        getAllAnnotations(): readonly {
          readonly metadata: { readonly toolName: string; readonly referencedImageId?: string };
          readonly data: { readonly handles?: { readonly points?: readonly number[][] } };
        }[];
      };
    };
    readonly segmentation: {
      readonly state: {
        getSegmentations(): readonly {
          readonly representationData: { readonly Labelmap?: { readonly imageIds?: readonly string[] } };
        }[];
      };
    };
  };
}

/** A point in the pixel frame of the shown slice: (0, 0) is the centre of the first pixel, x = column, y = row. */
export interface PixelPoint {
  readonly x: number;
  readonly y: number;
}

/** What a canvas shows: share of pixels that are not black, and their mean brightness, 0..255. */
export interface CanvasContent {
  readonly litShare: number;
  readonly meanBrightness: number;
}

/** One viewport of the page, by its place in OHIF's grid. All mouse positions are in the image's own pixels. */
export class Viewport {
  readonly #page: Page;
  readonly #position: number;

  constructor(page: Page, position = 0) {
    this.#page = page;
    this.#position = position;
  }

  /** Waits until the image is drawn: the viewport has image data and a good part of the canvas is not black. */
  async waitForImage(timeoutMs = 150_000): Promise<void> {
    await this.#page.waitForFunction(
      (position) => {
        const { cornerstone } = globalThis as unknown as CornerstoneGlobal;
        const viewport = cornerstone?.getRenderingEngines()?.[0]?.getViewports()[position];
        if (viewport?.getImageData() === undefined) return false;
        const canvas = viewport.getCanvas();
        const pixels = canvas.getContext("2d")?.getImageData(0, 0, canvas.width, canvas.height).data ?? [];
        let lit = 0;
        for (let offset = 0; offset < pixels.length; offset += 400) if ((pixels[offset] ?? 0) > 40) lit += 1;
        return lit > pixels.length / 400 / 100;
      },
      this.#position,
      { timeout: timeoutMs, polling: 100 },
    );
  }

  /** What the canvas shows right now. */
  async content(): Promise<CanvasContent> {
    return this.#page.evaluate((position) => {
      const { cornerstone } = globalThis as unknown as CornerstoneGlobal;
      const canvas = cornerstone?.getRenderingEngines()?.[0]?.getViewports()[position]?.getCanvas();
      const pixels = canvas?.getContext("2d")?.getImageData(0, 0, canvas.width, canvas.height).data ?? [];
      let [lit, sum] = [0, 0];
      for (let offset = 0; offset < pixels.length; offset += 4) {
        const brightness = ((pixels[offset] ?? 0) + (pixels[offset + 1] ?? 0) + (pixels[offset + 2] ?? 0)) / 3;
        sum += brightness;
        if (brightness > 10) lit += 1;
      }
      const count = pixels.length / 4;
      return { litShare: lit / count, meanBrightness: sum / count };
    }, this.#position);
  }

  /** Columns and rows of the shown image. */
  async imageSize(): Promise<{ readonly columns: number; readonly rows: number }> {
    return this.#page.evaluate((position) => {
      const { cornerstone } = globalThis as unknown as CornerstoneGlobal;
      const viewport = cornerstone?.getRenderingEngines()?.[0]?.getViewports()[position];
      const [columns = 0, rows = 0] = viewport?.getImageData()?.dimensions ?? [];
      return { columns, rows };
    }, this.#position);
  }

  async sliceIndex(): Promise<number> {
    return this.#page.evaluate((position) => {
      const { cornerstone } = globalThis as unknown as CornerstoneGlobal;
      return cornerstone?.getRenderingEngines()?.[0]?.getViewports()[position]?.getSliceIndex() ?? -1;
    }, this.#position);
  }

  /** SOP Instance UID of the shown image. */
  async sopInstanceUid(): Promise<string> {
    const imageId = await this.#page.evaluate((position) => {
      const { cornerstone } = globalThis as unknown as CornerstoneGlobal;
      return cornerstone?.getRenderingEngines()?.[0]?.getViewports()[position]?.getCurrentImageId();
    }, this.#position);
    const uid = /\/instances\/([0-9.]+)/.exec(imageId ?? "")?.[1];
    if (uid === undefined) throw new Error(`The shown image has no instance in its address: ${imageId}`);
    return uid;
  }

  async hasImage(): Promise<boolean> {
    return this.#page.evaluate((position) => {
      const { cornerstone } = globalThis as unknown as CornerstoneGlobal;
      return cornerstone?.getRenderingEngines()?.[0]?.getViewports()[position]?.getImageData() !== undefined;
    }, this.#position);
  }

  async sliceCount(): Promise<number> {
    return this.#page.evaluate((position) => {
      const { cornerstone } = globalThis as unknown as CornerstoneGlobal;
      return cornerstone?.getRenderingEngines()?.[0]?.getViewports()[position]?.getNumberOfSlices() ?? 0;
    }, this.#position);
  }

  /** Goes to a slice, counted from 0, and waits until it is the one that is shown. */
  async showSlice(index: number): Promise<void> {
    await this.#page.evaluate(
      async ({ position, imageIndex }) => {
        const { cornerstone } = globalThis as unknown as CornerstoneGlobal;
        const viewport = cornerstone?.getRenderingEngines()?.[0]?.getViewports()[position];
        if (viewport === undefined) throw new Error("There is no such viewport.");
        await cornerstone?.utilities.jumpToSlice(viewport.element, { imageIndex });
        viewport.render();
      },
      { position: this.#position, imageIndex: index },
    );
    await this.#page.waitForFunction(
      ({ position, imageIndex }) => {
        const { cornerstone } = globalThis as unknown as CornerstoneGlobal;
        return cornerstone?.getRenderingEngines()?.[0]?.getViewports()[position]?.getSliceIndex() === imageIndex;
      },
      { position: this.#position, imageIndex: index },
    );
    await this.waitForImage();
  }

  /** Image pixel to a position in the page, in CSS pixels. */
  async pagePositionOf(pixel: PixelPoint): Promise<{ readonly x: number; readonly y: number }> {
    return this.#page.evaluate(
      ({ position, x, y }) => {
        const { cornerstone } = globalThis as unknown as CornerstoneGlobal;
        const viewport = cornerstone?.getRenderingEngines()?.[0]?.getViewports()[position];
        const image = viewport?.getImageData();
        if (viewport === undefined || image === undefined) throw new Error("The viewport shows no image.");
        // A stack's image data is the shown slice alone; a volume's third index is the slice.
        const slice = (image.dimensions[2] ?? 1) > 1 ? viewport.getSliceIndex() : 0;
        const [left, top] = viewport.worldToCanvas(image.imageData.indexToWorld([x, y, slice]));
        const frame = viewport.element.getBoundingClientRect();
        return { x: frame.x + left, y: frame.y + top };
      },
      { position: this.#position, ...pixel },
    );
  }

  /** Point at a share of the image's width and height, as in { x: 0.5, y: 0.5 } for its middle. */
  async pixelAtShare(share: PixelPoint): Promise<PixelPoint> {
    const { columns, rows } = await this.imageSize();
    return { x: share.x * (columns - 1), y: share.y * (rows - 1) };
  }

  /** The largest box prompt on the shown image, by two of its opposite corners; undefined when there is none. */
  async boxPrompt(): Promise<readonly [PixelPoint, PixelPoint] | undefined> {
    return this.#page.evaluate((position) => {
      const { cornerstone, cornerstoneTools } = globalThis as unknown as CornerstoneGlobal;
      const viewport = cornerstone?.getRenderingEngines()?.[0]?.getViewports()[position];
      const image = viewport?.getImageData()?.imageData;
      if (viewport === undefined || image === undefined) return undefined;
      const boxes = (cornerstoneTools?.annotation.state.getAllAnnotations() ?? [])
        .filter(({ metadata }) => metadata.toolName === "SamRefineBox")
        .filter(({ metadata }) => metadata.referencedImageId === viewport.getCurrentImageId())
        .map(({ data }) => {
          const corners = (data.handles?.points ?? []).map((world) => image.worldToIndex([...world]));
          const [first = [], , , last = []] = corners;
          const [start, end] = [first, last].map(([x = 0, y = 0]) => ({ x, y })) as [PixelPoint, PixelPoint];
          return { corners: [start, end] as const, area: Math.abs((end.x - start.x) * (end.y - start.y)) };
        });
      return boxes.sort((a, b) => b.area - a.area)[0]?.corners;
    }, this.#position);
  }

  /** Clicks on an image pixel. */
  async click(pixel: PixelPoint, modifiers: readonly ("Shift" | "Control" | "Alt")[] = []): Promise<void> {
    const { x, y } = await this.pagePositionOf(pixel);
    for (const key of modifiers) await this.#page.keyboard.down(key);
    await this.#page.mouse.move(x, y);
    await this.#page.mouse.down();
    await this.#page.mouse.up();
    for (const key of modifiers) await this.#page.keyboard.up(key);
  }

  /** Presses at one image pixel, moves, and lets go at another: a box, or the way of a handle. */
  async drag(from: PixelPoint, to: PixelPoint): Promise<void> {
    const [start, end] = [await this.pagePositionOf(from), await this.pagePositionOf(to)];
    await this.#page.mouse.move(start.x, start.y);
    await this.#page.mouse.down();
    await this.#page.mouse.move((start.x + end.x) / 2, (start.y + end.y) / 2, { steps: 4 });
    await this.#page.mouse.move(end.x, end.y, { steps: 4 });
    await this.#page.mouse.up();
  }

  /**
   * The slice that holds most labelled pixels, and a pixel on it that has the same label all round; what is on screen there
   * must be coloured. Goes by Cornerstone's own label map images.
   */
  async labelledPixel(): Promise<PixelPoint & { readonly slice: number }> {
    const found = await this.#page.evaluate((position) => {
      const { cornerstone, cornerstoneTools } = globalThis as unknown as CornerstoneGlobal;
      const viewport = cornerstone?.getRenderingEngines()?.[0]?.getViewports()[position];
      const shown = viewport?.getImageIds() ?? [];
      let best: { slice: number; x: number; y: number; count: number } | undefined;
      for (const segmentation of cornerstoneTools?.segmentation.state.getSegmentations() ?? []) {
        for (const imageId of segmentation.representationData.Labelmap?.imageIds ?? []) {
          const image = cornerstone?.cache.getImage(imageId);
          const slice = shown.indexOf(image?.referencedImageId ?? "");
          if (image === undefined || slice < 0) continue;
          const labels = image.voxelManager.getScalarData();
          const { columns, rows } = image;
          let count = 0;
          for (let i = 0; i < labels.length; i++) if (labels[i] !== 0) count += 1;
          if (count <= (best?.count ?? 0)) continue;
          // Widest margin first, since thin structures have none.
          for (let margin = 6; margin >= 0 && best?.slice !== slice; margin -= 3) {
            for (let y = margin; y < rows - margin && best?.slice !== slice; y++) {
              for (let x = margin; x < columns - margin; x++) {
                const label = labels[y * columns + x];
                const sides = [x - margin, x + margin].map((side) => y * columns + side);
                const ends = [y - margin, y + margin].map((end) => end * columns + x);
                if (label === 0 || [...sides, ...ends].some((index) => labels[index] !== label)) continue;
                best = { slice, x, y, count };
                break;
              }
            }
          }
        }
      }
      return best;
    }, this.#position);
    if (found === undefined) throw new Error("No label lies on any image of this viewport.");
    return { slice: found.slice, x: found.x, y: found.y };
  }

  /** Colour at an image pixel on the screen, label maps and annotations included: [red, green, blue], 0..255. */
  async colourAt(pixel: PixelPoint): Promise<readonly [number, number, number]> {
    const position = await this.pagePositionOf(pixel);
    return this.#page.evaluate(
      ({ place, x, y }) => {
        const { cornerstone } = globalThis as unknown as CornerstoneGlobal;
        const viewport = cornerstone?.getRenderingEngines()?.[0]?.getViewports()[place];
        if (viewport === undefined) throw new Error("There is no such viewport.");
        const canvas = viewport.getCanvas();
        const frame = viewport.element.getBoundingClientRect();
        const left = Math.round(((x - frame.x) / frame.width) * canvas.width);
        const top = Math.round(((y - frame.y) / frame.height) * canvas.height);
        const [red = 0, green = 0, blue = 0] = canvas.getContext("2d")?.getImageData(left, top, 1, 1).data ?? [];
        return [red, green, blue] as const;
      },
      { place: this.#position, ...position },
    );
  }
}
