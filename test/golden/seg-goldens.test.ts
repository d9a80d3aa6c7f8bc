// Segmentations of other writers, read by us as pydicom and highdicom read them. The real files are looked for in
// SAMREFINE_DATA (default: ../shared/data); the digests were made by make_seg_goldens.py.
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { decodeSeg, matchToSeries, readPart10, type SourceInstance, sourceInstanceOf } from "@samrefine/dicom";
import { describe, expect, test } from "vitest";

interface FrameFacts {
  readonly segment: number | null;
  readonly source: string | null;
  readonly position: readonly number[] | null;
  readonly orientation: readonly number[] | null;
  readonly spacing: readonly [between: number, across: number] | null;
  readonly nonZero: number;
  readonly sha256: string;
}

interface FileFacts {
  readonly kind: string;
  readonly rows: number;
  readonly columns: number;
  readonly segments: readonly { readonly number: number; readonly label: string }[];
  readonly frames: readonly FrameFacts[];
  readonly bySource: readonly { readonly segment: number; readonly source: string; readonly sha256: string }[];
}

const here = dirname(fileURLToPath(import.meta.url));
const data = join(process.env.SAMREFINE_DATA ?? join(here, "../../../shared/data"), "dicom");
const goldens = JSON.parse(readFileSync(join(here, "seg/segmentations.json"), "utf8")) as {
  readonly files: Readonly<Record<string, FileFacts>>;
};
const isThere = existsSync(data);
if (!isThere) console.warn(`Skipped: the real data is not there (${data}); set SAMREFINE_DATA.`);

function digest(values: Uint8Array | Uint16Array): string {
  return createHash("sha256")
    .update(new Uint8Array(values.buffer, values.byteOffset, values.byteLength))
    .digest("hex");
}

/** Image instances that lie beside the segmentation, or in the series folder that it is named after. */
function imagesFor(path: string): readonly SourceInstance[] {
  const beside = dirname(join(data, path));
  const named = /(hippocampus_\d+)_groundtruth/.exec(path)?.[1];
  const folder = named === undefined ? beside : join(dirname(beside), named);
  return readdirSync(folder)
    .map((name) => join(folder, name))
    .filter((file) => statSync(file).isFile() && !/nrrd$|_seg\.dcm$|^.*seg_image/.test(file))
    .map((file) => readPart10(readFileSync(file)).dataset)
    .filter((dataset) => dataset.Modality !== "SEG")
    .map(sourceInstanceOf);
}

describe.skipIf(!isThere)("segmentations of other writers", () => {
  test.each(Object.entries(goldens.files))("%s", (path, facts) => {
    const seg = decodeSeg(readFileSync(join(data, path)));
    expect({ kind: seg.kind, rows: seg.rows, columns: seg.columns }).toEqual({
      kind: facts.kind,
      rows: facts.rows,
      columns: facts.columns,
    });
    const described = seg.segments.map(({ number, label }) => ({ number, label }));
    expect(described).toEqual(facts.segments.filter(({ number }) => seg.kind !== "LABELMAP" || number !== 0));
    seg.frames.forEach((frame, index) => {
      const values = seg.frame(index);
      expect({
        segment: frame.segmentNumber ?? null,
        source: frame.sourceSopInstanceUid ?? null,
        position: frame.position ?? null,
        orientation: frame.orientation ?? null,
        spacing: frame.spacingMm === undefined ? null : [frame.spacingMm.y, frame.spacingMm.x],
        nonZero: values.filter((value) => value !== 0).length,
        sha256: digest(values),
      }).toEqual(facts.frames[index]);
    });
    expect(seg.frames).toHaveLength(facts.frames.length);
  });

  test.each(Object.entries(goldens.files))("%s laid over its series", (path, facts) => {
    const seg = decodeSeg(readFileSync(join(data, path)));
    const images = imagesFor(path).filter(
      (image) =>
        image.frameOfReferenceUid === seg.frameOfReferenceUid && image.studyInstanceUid === seg.studyInstanceUid,
    );
    if (images.length === 0) {
      // The CR of this one is not in the data set; there is nothing to lay it over.
      expect(path).toBe("pydicom_ct2_highdicom_seg/seg_image_cr_binary.dcm");
      return;
    }
    const match = matchToSeries(seg, images);
    if (match.kind === "refused") throw new Error(JSON.stringify(match.reasons));
    expect(match.unmatchedFrames).toEqual([]);
    const found: { segment: number; source: string; sha256: string }[] = [];
    for (const { number } of seg.segments) {
      for (const index of match.instancesOf(number)) {
        const values =
          seg.kind === "FRACTIONAL"
            ? Uint8Array.from(match.probability(number, index) ?? [], (p) =>
                Math.round(p * (seg.maximumFractionalValue ?? 1)),
              )
            : (match.mask(number, index) ?? new Uint8Array(0));
        // Some writers store empty frames; the golden file lists what holds something.
        if (values.some((value) => value !== 0))
          found.push({ segment: number, source: images[index]?.sopInstanceUid ?? "", sha256: digest(values) });
      }
    }
    const key = (f: { readonly segment: number; readonly source: string }): string => `${f.segment} ${f.source}`;
    const expected = facts.bySource
      .filter(({ segment }) => segment !== 0)
      .map(({ segment, source, sha256 }) => ({ segment, source, sha256 }));
    const sorted = (list: readonly { segment: number; source: string; sha256: string }[]): unknown =>
      [...list].sort((a, b) => (key(a) < key(b) ? -1 : 1));
    expect(sorted(found)).toEqual(sorted(expected));
  });
});
