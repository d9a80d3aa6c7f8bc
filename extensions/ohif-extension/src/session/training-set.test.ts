import type { PixelArray } from "@samrefine/core";
import { sourceInstanceOf } from "@samrefine/dicom";
import { readNifti } from "@samrefine/formats";
import { expect, it } from "vitest";
import { encodeLabels } from "../labelmap/runs.ts";
import { SegmentationRecord } from "../labelmap/segmentation-record.ts";
import type { SegJob } from "../seg/seg-job.ts";
import { writeTrainingCase } from "../seg/training-case.ts";
import { type TrainingSeries, trainingSetFiles } from "./training-set.ts";

const concept = { value: "1", scheme: "SCT", meaning: "x" };
const geometry = { columns: 2, rows: 2 };

/** Slices of 2 x 2, from the upper one to the lower one; label values are ten times the segment numbers. */
function entry(uid: string, labels: readonly string[], slices: readonly Uint8Array[]): TrainingSeries {
  const isVolume = slices.length > 1;
  const sources = slices.map((_, index) =>
    sourceInstanceOf({
      StudyInstanceUID: "1.2.3",
      SeriesInstanceUID: `${uid}.1`,
      SOPInstanceUID: `${uid}.1.${index}`,
      SOPClassUID: "1.2.840.10008.5.1.4.1.1.2",
      Rows: 2,
      Columns: 2,
      ...(isVolume
        ? {
            PixelSpacing: [1, 1],
            ImagePositionPatient: [0, 0, -3 * index],
            ImageOrientationPatient: [1, 0, 0, 0, 1, 0],
            FrameOfReferenceUID: "1.2.9",
          }
        : {}),
    }),
  );
  const segments = labels.map((label, index) => ({ number: index + 1, labelValue: 10 * (index + 1), label }));
  const infos = segments.map(({ labelValue, label }) => ({
    ...{ number: labelValue, label, category: concept, type: concept },
    colorRgb: [0, 0, 0] as const,
  }));
  const labelmap = {
    ...{ sliceCount: slices.length, geometry: () => geometry, write: () => {}, announce: () => {} },
    read: (slice: number) => slices[slice]!,
  };
  const job = {
    ...{ sources, segments, sopInstanceUid: `${uid}.9` },
    slices: slices.map((slice) => ({ labels: encodeLabels(slice), hidden: [] })),
  } as unknown as SegJob;
  const series = {
    ...{ sliceCount: slices.length, traits: { modality: isVolume ? "CT" : "DX" } },
    frame: async (slice: number) => ({
      ...{ geometry, samplesPerPixel: 1, isScaled: false, slope: 1, intercept: 0, isInverted: false, bitsStored: 16 },
      isSigned: true,
      data: Int16Array.of(-1000, slice, 5, 70) as PixelArray,
    }),
  } as unknown as TrainingSeries["series"];
  return { series, record: new SegmentationRecord(uid, labelmap, infos, "unet-a"), job };
}

const options = {
  flagBelowDice: 0.75,
  writeCase: async (task: Parameters<typeof writeTrainingCase>[0]) => writeTrainingCase(task),
  signal: new AbortController().signal,
};
const textOf = (bytes: Uint8Array) => JSON.parse(new TextDecoder().decode(bytes)) as Record<string, unknown>;

it("nnU-Net: one case per series, common labels, doubtful masks as ignore, and nothing of the patient", async () => {
  const first = entry(
    "2.25.111111111111",
    ["Liver", "Spleen"],
    [Uint8Array.of(10, 10, 20, 0), Uint8Array.of(0, 0, 20, 20)],
  );
  const second = entry("2.25.222222222222", ["Spleen"], [Uint8Array.of(0, 10, 0, 0), Uint8Array.of(0, 0, 0, 0)]);
  const estimate = (number: number, estimatedDice: number) => ({
    number,
    areaPixels: 1,
    estimatedDice,
    doubt: undefined,
  });
  first.record.setQuality(0, { isReviewed: false, segments: [estimate(10, 0.9), estimate(20, 0.5)] });
  first.record.setQuality(1, { isReviewed: true, segments: [estimate(20, 0.5)] });
  const files = new Map(
    (await trainingSetFiles("nnunet", [first, second], options)).map(({ name, bytes }) => [name, bytes]),
  );
  expect([...files.keys()]).toEqual([
    "imagesTr/samrefine_1111111111.9_0000.nii.gz",
    "labelsTr/samrefine_1111111111.9.nii.gz",
    "imagesTr/samrefine_2222222222.9_0000.nii.gz",
    "labelsTr/samrefine_2222222222.9.nii.gz",
    "dataset.json",
  ]);
  expect(textOf(files.get("dataset.json")!)).toMatchObject({
    channel_names: { "0": "CT" },
    labels: { background: 0, Liver: 1, Spleen: 2, ignore: 3 },
    numTraining: 2,
    file_ending: ".nii.gz",
    samrefine_provenance: { modelId: "unet-a" },
  });
  // Volumes run along the normal, from the lower slice to the upper one.
  const labels = readNifti(files.get("labelsTr/samrefine_1111111111.9.nii.gz")!).volume;
  expect([...labels.data]).toEqual([0, 0, 2, 2, 1, 1, 3, 0]);
  const image = readNifti(files.get("imagesTr/samrefine_1111111111.9_0000.nii.gz")!).volume;
  expect(image.geometry).toEqual(labels.geometry);
  expect(image.data).toEqual(Int16Array.of(-1000, 1, 5, 70, -1000, 0, 5, 70));
  expect([...readNifti(files.get("labelsTr/samrefine_2222222222.9.nii.gz")!).volume.data]).toEqual([
    0, 0, 0, 0, 0, 2, 0, 0,
  ]);
});

it("the Decathlon's layout holds volumes, and all labels as they are", async () => {
  const volume = entry("2.25.1", ["Liver"], [Uint8Array.of(10, 0, 0, 0), Uint8Array.of(0, 0, 0, 0)]);
  volume.record.setQuality(0, { isReviewed: false, segments: [] });
  const files = await trainingSetFiles("msd", [volume], options);
  expect(textOf(files.at(-1)!.bytes)).toMatchObject({
    labels: { "0": "background", "1": "Liver" },
    training: [{ image: "./imagesTr/samrefine_2.25.1.9.nii.gz", label: "./labelsTr/samrefine_2.25.1.9.nii.gz" }],
  });
  const image = entry("2.25.2", ["Tooth"], [Uint8Array.of(10, 0, 0, 0)]);
  await expect(trainingSetFiles("msd", [image], options)).rejects.toThrow(/Decathlon tasks hold volumes/);
  await expect(trainingSetFiles("nnunet", [volume, image], options)).rejects.toThrow(/radiographs or volumes/);
});

it("radiographs become PNG, moved up where they reach below 0", async () => {
  const files = await trainingSetFiles("nnunet", [entry("2.25.3", ["Tooth"], [Uint8Array.of(10, 0, 0, 0)])], options);
  expect(files.map(({ name }) => name)).toEqual([
    "imagesTr/samrefine_2.25.3.9_0000.png",
    "labelsTr/samrefine_2.25.3.9.png",
    "dataset.json",
  ]);
  // Bit depth of the header: -1000..70 needs 16 bits, one label 8.
  expect(files.slice(0, 2).map(({ bytes }) => bytes[24])).toEqual([16, 8]);
});
