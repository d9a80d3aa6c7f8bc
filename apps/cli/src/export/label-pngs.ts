import { type OnOverlap, pngOfSlice, type SliceSegmentation } from "@samrefine/formats";
import { writeOutput } from "../command-context.ts";
import { describeDecoded, type LaidSegmentation } from "./dicom-segmentation.ts";

/**
 * Writes a PNG label map for every image of a series, grey values = segment numbers: `path` for one image, `path` with -1, -2
 * … before its ending for several, in the order of the series (along the normal; radiographs by number).
 * @returns the paths.
 * @throws RefineError `configuration` when segments overlap and `onOverlap` is "error", naming them.
 */
export async function writeLabelPngs(
  path: string,
  { seg, series, match }: LaidSegmentation,
  onOverlap: OnOverlap,
): Promise<readonly string[]> {
  const { instances } = series;
  const digits = String(instances.length).length;
  const paths = instances.map((_, k) =>
    instances.length === 1 ? path : path.replace(/\.png$/i, `-${String(k + 1).padStart(digits, "0")}.png`),
  );
  const { columns, rows } = instances[0]!; // a series has one size, and an instance at least
  const segmentation: SliceSegmentation = {
    geometry: {
      size: [columns, rows, instances.length],
      // A picture has no place in the patient.
      indexToPatient: [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1],
    },
    segments: seg.segments.map(describeDecoded),
    masks: (segment, k) => match.mask(segment, k),
  };
  for (const [k, target] of paths.entries()) await writeOutput(target, pngOfSlice(segmentation, k, { onOverlap }));
  return paths;
}
