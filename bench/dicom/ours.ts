import {
  decodeSeg,
  encodeSeg,
  masksOfLabels,
  matchToSeries,
  type SourceInstance,
  sourceInstanceOf,
} from "@samrefine/dicom";
import type { LabelmapSize } from "./labelmap.ts";
import { type SegCodec, sliceAttributes } from "./seg-codec.ts";

function sourcesOf(size: LabelmapSize): readonly SourceInstance[] {
  return Array.from({ length: size.slices }, (_, k) => sourceInstanceOf(sliceAttributes(k, size)));
}

export const ours: SegCodec = {
  prepare(labels, size) {
    const sources = sourcesOf(size);
    const area = size.rows * size.columns;
    return () =>
      encodeSeg({
        sources,
        segments: Array.from({ length: size.segments }, (_, index) => ({
          number: index + 1,
          label: `Segment ${index + 1}`,
          colorRgb: [255, index, 0],
          category: { value: "123037004", scheme: "SCT", meaning: "Anatomical Structure" },
          type: { value: "10200004", scheme: "SCT", meaning: "Liver" },
          algorithmType: "MANUAL",
        })),
        masks: masksOfLabels((k) => labels.subarray(k * area, (k + 1) * area)),
        seriesDescription: "Benchmark",
        seriesNumber: 100,
        created: new Date(),
      }).bytes;
  },

  decode(file, size) {
    const seg = decodeSeg(file);
    const match = matchToSeries(seg, sourcesOf(size));
    if (match.kind === "refused") throw new Error(match.reasons.map(({ message }) => message).join(" "));
    return Array.from({ length: size.slices }, (_, k) => {
      const labels = match.labels(k) ?? new Uint8Array(size.rows * size.columns);
      if (labels instanceof Uint8Array) return labels;
      throw new Error("16-bit labels were not expected");
    });
  },
};
