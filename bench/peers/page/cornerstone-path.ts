import Controller from "@cornerstonejs/ai";
import type { InferenceSession, Tensor } from "onnxruntime-web/wasm";

/** The part of the package's class that answers a click. */
interface ControllerLike {
  decode(points: number[], labels: number[]): Promise<void>;
  createLabelmap(...args: unknown[]): void;
}

const side = 1024;

/**
 * The package's own `decode()` and `createLabelmap()` over a viewport that stands for Cornerstone's: a canvas of 1024 x 1024
 * that shows a slice of 1024 x 1024, and voxels in a plain array. Cornerstone's own index arithmetic, voxel managers, island
 * removal and rendering are left out, so that the real thing is slower. The time until its labelmap is written counts; the
 * preview that it paints afterwards does not.
 */
export function cornerstonePath(decoder: InferenceSession, embedding: Tensor) {
  const labelmap = new Uint8Array(side * side);
  const voxels = (array: Uint8Array) => ({
    dimensions: [side, side, 1],
    getAtIJKPoint: ([i = 0, j = 0]: readonly number[]) => array[j * side + i],
    setAtIJKPoint: ([i = 0, j = 0]: readonly number[], value: number | null) => {
      array[j * side + i] = value ?? 0;
    },
  });
  const canvas = () => Object.assign(document.createElement("canvas"), { width: side, height: side });
  const preview = {
    previewSegmentIndex: 255,
    memo: { voxelManager: voxels(labelmap) },
    segmentationId: "benchmark",
    segmentIndex: 1,
    segmentationVoxelManager: voxels(labelmap),
  };
  let writtenAt = 0;
  const image = { imageId: "image", imageEmbeddings: { image_embeddings: embedding }, decoder };
  const controller = Object.assign(Object.create(Controller.prototype) as ControllerLike, {
    canvas: canvas(),
    canvasMask: canvas(),
    imageImageData: new ImageData(side, side),
    desiredImage: image,
    currentImage: {
      ...image,
      canvasPosition: { origin: [0, 0, 0], rightVector: [1, 0, 0], downVector: [0, 1, 0] },
    },
    boxRadius: 5,
    maxWidth: side,
    pCutoff: 64,
    worldPoints: [],
    islandFillOptions: undefined,
    tool: { addPreview: () => preview, doneEditMemo: () => {}, _previewData: {} },
    viewport: {
      element: undefined,
      getDefaultImageData: () => ({ worldToIndex: (point: ArrayLike<number>) => [point[0], point[1], point[2]] }),
    },
    log: () => {},
  });
  const write = Controller.prototype.createLabelmap as ControllerLike["createLabelmap"];
  controller.createLabelmap = (...args) => {
    write.apply(controller, args);
    writtenAt = performance.now();
  };
  return {
    labelmap,
    /** @returns milliseconds from the click, in canvas pixels, to the written labelmap. */
    async click(x: number, y: number): Promise<number> {
      const start = performance.now();
      await controller.decode([x, y], [1]);
      return writtenAt - start;
    },
  };
}
