import { decodeSeg, encodeSeg, type SegSegment, uidFromSeed } from "@samrefine/dicom";
import { expect, it } from "vitest";
import { type LabelmapPort, SegmentationRecord, type SegmentInfo } from "../labelmap/segmentation-record.ts";
import { buildSegJob } from "./build-job.ts";
import { radiographSource as source } from "./radiograph-source.fixture.ts";
import { writeSeg } from "./seg-job.ts";
import { noRemarks } from "./seg-remarks.ts";
import { remarksOf, withEdit } from "./stored-remarks.ts";

const series = { sliceCount: 1, instances: [source], displaySet: { SeriesNumber: 2 } as never };
const names = {
  network: undefined,
  promptable: "sam 1",
  planAsksPromptable: false,
  softwareVersion: "9.9",
  remarks: noRemarks,
};

const sct = (value: string, meaning: string) => ({ value, scheme: "SCT", meaning });
const anatomy = sct("91723000", "Anatomical Structure");
const segments: readonly SegSegment[] = [
  {
    number: 1,
    label: "Left kidney",
    colorRgb: [10, 20, 30],
    category: anatomy,
    type: sct("64033007", "Kidney"),
    typeModifiers: [sct("7771000", "Left")],
    algorithmType: "AUTOMATIC",
    algorithm: { name: "Other network", version: "3", parameters: "fold 0" },
    trackingId: "finding 7",
    trackingUid: uidFromSeed("finding", 7),
  },
  {
    number: 2,
    label: "Tumour",
    colorRgb: [40, 50, 60],
    category: sct("49755003", "Morphologically Abnormal Structure"),
    type: sct("4147007", "Mass"),
    anatomicRegion: sct("64033007", "Kidney"),
    description: "Seen by two readers",
    algorithmType: "SEMIAUTOMATIC",
    algorithm: { name: "Other network", version: "3" },
  },
];
const stored = decodeSeg(
  encodeSeg({
    sources: [source],
    segments,
    masks: (number) => Uint8Array.of(Number(number === 1), Number(number === 2), 0, 0),
    seriesDescription: "test",
    seriesNumber: 1,
    created: new Date(2020, 0, 1),
  }).bytes,
);

function memoryLabelmap(labels: Uint8Array): LabelmapPort {
  return {
    sliceCount: 1,
    geometry: () => ({ columns: 4, rows: 1 }),
    read: () => labels,
    write: (_, next) => labels.set(next),
    announce: () => {},
  };
}

/** As the session adopts a stored SEG. */
function opened(): SegmentationRecord {
  const infos = stored.segments.map((segment): SegmentInfo => {
    const { number, label, colorRgb, category, type } = segments[segment.number - 1]!;
    return { number, label, colorRgb, category, type, ...remarksOf(segment) };
  });
  const record = new SegmentationRecord("id", memoryLabelmap(Uint8Array.of(1, 2, 0, 0)), infos, undefined);
  record.predecessor = { sopClassUid: "1.2.840.10008.5.1.4.1.1.66.4", sopInstanceUid: stored.sopInstanceUid };
  record.markHistory([1], { byNetwork: true });
  record.markHistory([2], { byNetwork: true, byHand: true });
  return record;
}

async function storedAgain(record: SegmentationRecord) {
  return decodeSeg(writeSeg(await buildSegJob(series, record, names)).bytes);
}

it("an opened SEG that is stored again says the same of its segments, and names the one that it was opened from", async () => {
  const again = await storedAgain(opened());
  expect(again.segments).toEqual(stored.segments);
  expect(again.dataset.SourceImageSequence).toMatchObject([{ ReferencedSOPInstanceUID: stored.sopInstanceUid }]);
});

it("what a person changes is told, and nothing else changes", async () => {
  const record = opened();
  record.markHistory([1], { byHand: true });
  record.markHistory([2], { byPrompts: true });
  record.setSegments(
    record.segments.map((segment) => {
      const { colorRgb, category } = segment;
      const spleen = { label: "Spleen", type: sct("78961009", "Spleen"), category, colorRgb };
      return segment.number === 1 ? withEdit(segment, spleen) : segment;
    }),
  );
  const [first, second] = (await storedAgain(record)).segments;
  expect(first).toEqual({
    ...stored.segments[0],
    label: "Spleen",
    type: sct("78961009", "Spleen"),
    typeModifiers: [],
    algorithmType: "SEMIAUTOMATIC",
  });
  expect(second).toEqual({
    ...stored.segments[1],
    algorithmName: "Other network + sam 1",
    algorithmVersion: "3; SAM Refine 9.9",
  });
});

it("a segment that was drawn here is tracked from SEG to SEG, whatever it is called", async () => {
  const drawn = { number: 1, label: "Right kidney", colorRgb: [1, 2, 3], category: anatomy } as const;
  const record = new SegmentationRecord(
    "id",
    memoryLabelmap(Uint8Array.of(0, 1, 1, 0)),
    [{ ...drawn, type: sct("64033007", "Kidney") }],
    undefined,
  );
  record.markHistory([1], { byHand: true });
  const [before] = (await storedAgain(record)).segments;
  expect(before?.typeModifiers).toEqual([sct("24028007", "Right")]);
  record.setSegments(record.segments.map((segment) => ({ ...segment, label: "Kidney" })));
  const [after] = (await storedAgain(record)).segments;
  expect(after?.label).toBe("Kidney");
  expect([after?.trackingId, after?.trackingUid]).toEqual([before?.trackingId, before?.trackingUid]);
});
