import { decodeSeg, textOf } from "@samrefine/dicom";
import { beforeEach, expect, it, vi } from "vitest";
import type { OhifHost } from "../host/ohif-host.ts";
import { SegmentationRecord } from "../labelmap/segmentation-record.ts";
import type { SeriesSource } from "../series/series-source.ts";
import { radiographSource as source } from "./radiograph-source.fixture.ts";
import { noRemarks } from "./seg-remarks.ts";
import { type SegDeliveryRequest, SegStore } from "./seg-store.ts";
import type { WaitingSegs } from "./waiting-segs.ts";

// Node has no Worker of the web's kind: what runs there runs here.
vi.mock("./seg-in-worker.ts", async () => {
  const { writeSeg } = await import("./seg-job.ts");
  return { writeSegInWorker: async (job: Parameters<typeof writeSeg>[0]) => writeSeg(job) };
});

const concept = { value: "64033007", scheme: "SCT", meaning: "Kidney" };

let store: SegStore;
let request: SegDeliveryRequest;
beforeEach(() => {
  const labels = Uint8Array.of(0, 1, 1, 0);
  const labelmap = {
    sliceCount: 1,
    geometry: () => ({ columns: 4, rows: 1 }),
    read: () => labels,
    write: (_: number, next: Uint8Array) => labels.set(next),
    announce: () => {},
  };
  const segment = { number: 1, label: "Kidney", colorRgb: [1, 2, 3], category: concept, type: concept } as const;
  store = new SegStore({} as OhifHost, {} as WaitingSegs, noRemarks);
  request = {
    series: { sliceCount: 1, instances: [source], displaySet: { SeriesNumber: 2 } } as unknown as SeriesSource,
    record: new SegmentationRecord("id", labelmap, [segment], undefined),
    networkName: undefined,
    promptableName: undefined,
    planAsksPromptable: false,
    signal: new AbortController().signal,
  };
});

async function written() {
  const { dataset, sopInstanceUid } = decodeSeg((await store.file(request, "dicom-seg")).bytes);
  const [creator, description] = [textOf(dataset, "ContentCreatorName"), textOf(dataset, "SeriesDescription")];
  return { uid: sopInstanceUid, creator, description };
}

it("hands out the same SEG while neither the masks nor what is remarked of them changes", async () => {
  const first = await written();
  expect(first.description).toBe("SAM Refine: Kidney");
  store.remarks = { ...noRemarks };
  expect(await written()).toEqual(first);
  request.record.writeLabels(0, Uint8Array.of(0, 1, 0, 0));
  expect((await written()).uid).not.toBe(first.uid);
});

it("writes a new SEG when its creator or its description changed, although the masks are the same", async () => {
  const first = await written();
  store.remarks = { creator: "Müller, Anna", description: "Second reading" };
  const named = await written();
  expect(named).toMatchObject({ creator: "Müller^Anna", description: "Second reading" });
  expect(named.uid).not.toBe(first.uid);
  store.remarks = { ...store.remarks, description: "" };
  const again = await written();
  expect(again).toMatchObject({ creator: "Müller^Anna", description: "SAM Refine: Kidney" });
  expect(again.uid).not.toBe(named.uid);
});
