import { writePart10 } from "@samrefine/dicom";
import { findOrthanc, type Orthanc, startOrthanc } from "@samrefine/viewer/orthanc";
import type { Browser } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { repositoryDirectory } from "./harness/artifacts.ts";
import { launchBrowser } from "./harness/browser.ts";
import { firstValue, type JsonDataSet, query, storeFiles } from "./harness/dicomweb.ts";
import { realDicomFolder } from "./harness/real-data.ts";
import { ViewerPage } from "./harness/viewer-page.ts";
import { type RunningViewer, startViewer } from "./harness/viewer-process.ts";

let browser: Browser;
let page: ViewerPage | undefined;

beforeAll(async () => {
  browser = await launchBrowser();
});

afterEach(async () => {
  await page?.close();
  page = undefined;
});

afterAll(async () => {
  await browser?.close();
});

/** A small segmentation object of a study: enough to be stored and found again, not to be drawn. */
function smallSegmentation(study: JsonDataSet, sopUid: string): Uint8Array {
  return writePart10({
    SOPClassUID: "1.2.840.10008.5.1.4.1.1.66.4",
    SOPInstanceUID: sopUid,
    StudyInstanceUID: String(firstValue(study, "0020000D")),
    SeriesInstanceUID: `${sopUid}.1`,
    Modality: "SEG",
    PatientID: String(firstValue(study, "00100020") ?? ""),
    SeriesNumber: 900,
    InstanceNumber: 1,
    SeriesDescription: "Stored by a test",
    Rows: 2,
    Columns: 4,
    NumberOfFrames: 1,
    BitsAllocated: 1,
    PixelData: new Uint8Array(2),
  });
}

/** What must hold for any source of studies, embedded or PACS. */
function describeSource(start: () => Promise<{ viewer: RunningViewer; done: () => Promise<void> }>): void {
  let viewer: RunningViewer;
  let done: (() => Promise<void>) | undefined;
  let studies: readonly JsonDataSet[];
  const root = (): string => `${viewer.url}/dicom-web`;

  beforeAll(async () => {
    ({ viewer, done } = await start());
    studies = await query(root(), "studies");
    expect(studies.length).toBeGreaterThan(0);
  });
  afterAll(async () => done?.());

  it("lists its studies, and asks no other origin for anything", async () => {
    page = await ViewerPage.open(browser, viewer.url);
    await page.openWorkList();
    const rows = (await page.workListRows()).join("\n");
    await page.watched.screenshot(`work-list-${new URL(viewer.url).port}`);
    for (const study of studies.slice(0, 5)) {
      const description = firstValue(study, "00081030");
      if (description !== undefined) expect(rows).toContain(String(description));
    }
    expect(await page.watched.page.getByTestId("samrefine-brand").first().innerText()).toContain("Research use only");
    expect(page.watched.foreignRequests).toEqual([]);
  });

  it("draws the first image of every kind of study, isolated, with no policy broken", async () => {
    const modalities = new Map<string, string>();
    for (const study of studies) {
      const modality = study["00080061"]?.Value?.find((value) => value !== "SEG");
      if (modality !== undefined) modalities.set(String(modality), String(firstValue(study, "0020000D")));
    }
    page = await ViewerPage.open(browser, viewer.url);
    for (const [modality, uid] of modalities) {
      const viewport = await page.openStudy(uid);
      const content = await viewport.content();
      await page.watched.screenshot(`viewer-${modality}-${new URL(viewer.url).port}`);
      expect(content.litShare, modality).toBeGreaterThan(0.02);
      expect(await page.watched.page.evaluate(() => crossOriginIsolated)).toBe(true);
      expect(page.watched.foreignRequests).toEqual([]);
      expect(page.watched.errors.filter((error) => /Content Security Policy|uncaught/.test(error))).toEqual([]);
    }
  });

  it("stores a segmentation and finds it again", async () => {
    const [study] = studies;
    if (study === undefined) throw new Error("There is no study.");
    const sopUid = `2.25.${BigInt(`0x${crypto.randomUUID().replaceAll("-", "")}`)}`.slice(0, 60);
    const response = await storeFiles(root(), [smallSegmentation(study, sopUid)]);
    expect(response.status).toBe(200);
    const uid = String(firstValue(study, "0020000D"));
    const found = await query(root(), `studies/${uid}/series?Modality=SEG`);
    expect(found.map((series) => firstValue(series, "0020000E"))).toContain(`${sopUid}.1`);
  });
}

describe("the demo studies", () => {
  describeSource(async () => {
    const viewer = await startViewer();
    return { viewer, done: async () => void (await viewer.stop()) };
  });
});

const heads = realDicomFolder("ct_head_tilt_ge");
describe.skipIf(heads === undefined)("a folder of real JPEG-LS files", () => {
  describeSource(async () => {
    const viewer = await startViewer({ folder: heads ?? "" });
    return { viewer, done: async () => void (await viewer.stop()) };
  });
});

const orthancThere = (await findOrthanc()) !== undefined;
if (!orthancThere) console.warn("Skipped: Orthanc with its DICOMweb plug-in is not installed.");
describe.skipIf(!orthancThere)("a real PACS (Orthanc)", () => {
  describeSource(async () => {
    const orthanc: Orthanc = await startOrthanc();
    await orthanc.upload(`${repositoryDirectory}/apps/viewer/dist/demo`);
    const viewer = await startViewer({ dicomweb: orthanc.dicomwebUrl });
    return {
      viewer,
      done: async () => {
        await viewer.stop();
        await orthanc.stop();
      },
    };
  });

  it("whose failure is told in words", async () => {
    const viewer = await startViewer({ dicomweb: "http://127.0.0.1:1/dicom-web" });
    const response = await fetch(`${viewer.url}/dicom-web/studies`);
    expect(response.status).toBe(502);
    expect(await viewer.stop()).toBe(0);
  });
});

describe("the command", () => {
  it("answers health at once and ends cleanly", async () => {
    const viewer = await startViewer();
    expect((await fetch(`${viewer.url}/healthz`)).status).toBe(200);
    expect(await viewer.stop()).toBe(0);
  });

  it("names a folder that is not there", async () => {
    await expect(startViewer({ folder: "/there/is/no/such/folder" })).rejects.toThrow(/There is no folder/);
  });
});
