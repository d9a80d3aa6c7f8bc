import type { DatasetSource, SplitName } from "@samrefine/core";
import { exclusiveHandLabels, handRadiographPhantom } from "@samrefine/phantoms";

/** Radiographs of artificial hands, drawn on demand; every bone is one and the same label. */
export function phantomDataset({ labeled, val }: { readonly labeled: number; readonly val: number }): DatasetSource {
  const ids = (first: number, count: number): readonly string[] =>
    Array.from({ length: count }, (_, index) => `hand ${first + index}`);
  const split: Record<SplitName, readonly string[]> = {
    labeled: ids(1, labeled),
    unlabeled: [],
    val: ids(1001, val),
    test: [],
  };
  const draw = (id: string) => handRadiographPhantom({ seed: Number(id.slice(5)), spacingMm: 2 });
  return {
    name: "phantom hands",
    labels: [{ name: "bone", value: 1 }],
    ignoreLabel: undefined,
    channelName: "radiograph",
    dimension: 2,
    caseIds: (name) => split[name],
    readCase: async (id) => {
      const { image } = draw(id);
      const { columns, rows } = image.geometry;
      return {
        id,
        geometry: { size: [columns, rows, 1], indexToPatient: [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1] },
        hasSpacing: false,
        slices: [image],
      };
    },
    readLabels: async (id) => ({
      id,
      slices: [Uint8Array.from(exclusiveHandLabels(draw(id).segments), (value) => Math.min(value, 1))],
    }),
  };
}
