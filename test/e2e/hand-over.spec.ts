import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { readPart10, textOf } from "@samrefine/dicom";
import { readNifti, readSegNrrd } from "@samrefine/formats";
import { unzipSync } from "fflate";
import type { Browser } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { enhancedCt } from "../conformance/enhanced-ct.ts";
import { repositoryDirectory } from "./harness/artifacts.ts";
import { launchBrowser } from "./harness/browser.ts";
import { openSegmentation } from "./harness/open-segmentation.ts";
import { countDifferent, countShown, onlyLabelmap } from "./harness/shown-labelmap.ts";
import { dciodvfyErrors, hasDciodvfy, type StoredSeg, storedSegs } from "./harness/stored-seg.ts";
import { createStudyFolder, type StudyFolder, studyUidOf } from "./harness/study-folder.ts";
import { ViewerPage } from "./harness/viewer-page.ts";
import { type RunningViewer, startViewer } from "./harness/viewer-process.ts";

const demo = join(repositoryDirectory, "apps", "viewer", "dist", "demo");
const hand = join(demo, "hand-2");
const abdomen = join(demo, "abdomen");

let browser: Browser;
let viewer: RunningViewer;
let page: ViewerPage | undefined;

beforeAll(async () => {
  browser = await launchBrowser();
  viewer = await startViewer();
});
afterEach(async () => {
  await page?.close();
  page = undefined;
});
afterAll(async () => {
  await browser?.close();
  await viewer?.stop();
});

/** Opens a study and segments the series on screen by the network alone. */
async function segmented(folder: string, model: string, buttonId: string): Promise<ViewerPage> {
  page = await ViewerPage.open(browser, viewer.url);
  await page.openStudy(await studyUidOf(folder));
  await page.panel.waitForModel(model);
  await page.panel.part("samrefine-refinement").selectOption("network-only");
  await page.panel.part(buttonId).click();
  await page.panel.waitForState("review", 300_000);
  return page;
}

/** Rows of the list of segments that can be seen whole without scrolling. */
function rowsInSight({ panel }: ViewerPage): Promise<number> {
  return panel.part("samrefine-segment-row").evaluateAll((rows) => {
    const end = rows[0]?.closest(".samrefine-work")?.getBoundingClientRect().bottom ?? 0;
    return rows.filter((row) => row.getBoundingClientRect().bottom <= end + 1).length;
  });
}

describe("a segmented radiograph", () => {
  it("is downloaded as PNG; labels, coded types and colours are edited, undone, stored and there again", async () => {
    const studyUid = await studyUidOf(hand);
    const { panel, watched } = await segmented(hand, "unet-phantom-hand", "samrefine-auto-series");
    const labels = async () => (await panel.segments()).map(({ label }) => label);
    const [first = "", ...others] = await labels();

    await panel.selectFormat("png");
    const png = await readFile(await panel.download());
    expect(png.subarray(1, 4).toString("latin1")).toBe("PNG");
    const { columns, rows } = await page!.viewport().imageSize();
    expect([png.readUInt32BE(16), png.readUInt32BE(20)]).toEqual([columns, rows]);

    await panel.part("samrefine-edit-segment").first().click();
    await panel.part("samrefine-editor-label").fill("Left ulna, corrected");
    // A name that the dictionary knows brings its code along.
    expect(await panel.part("samrefine-editor-type").inputValue()).toBe("Ulna");
    await panel.part("samrefine-editor-type").fill("no such thing");
    expect(await panel.part("samrefine-editor-keep").isDisabled()).toBe(true);
    // Found by the beginning of its name and taken by keys alone; Enter takes the entry and does not close the editor yet.
    await panel.part("samrefine-editor-type").fill("uln");
    await panel.part("samrefine-editor-concept").first().waitFor();
    await panel.part("samrefine-editor-type").press("ArrowDown");
    await watched.screenshot("hand-over-concepts");
    await panel.part("samrefine-editor-type").press("Enter");
    expect(await panel.part("samrefine-editor-type").inputValue()).toBe("Ulna");
    await panel.part("samrefine-editor-color").fill("#12ab9c");
    await watched.screenshot("hand-over-editor");
    await panel.part("samrefine-editor-label").press("Enter");
    await expect.poll(labels).toEqual(["Left ulna, corrected", ...others]);

    await panel.undo();
    await expect.poll(labels).toEqual([first, ...others]);
    await panel.part("samrefine-redo").click();
    await expect.poll(labels).toEqual(["Left ulna, corrected", ...others]);
    await watched.screenshot("hand-over-edited");

    const deleted = others.at(-1) ?? "";
    const before = await onlyLabelmap(watched.page);
    const { number } = (await panel.segments()).at(-1)!;
    await panel.part("samrefine-edit-segment").last().click();
    await panel.part("samrefine-editor-delete").press("Enter");
    await expect.poll(labels).toEqual(["Left ulna, corrected", ...others.slice(0, -1)]);
    expect(countShown(await onlyLabelmap(watched.page), number)).toBe(0);
    await panel.undo();
    await expect.poll(labels).toEqual(["Left ulna, corrected", ...others]);
    expect(countDifferent(before, await onlyLabelmap(watched.page))).toBe(0);
    await panel.part("samrefine-redo").click();
    await expect.poll(labels).not.toContain(deleted);

    await panel.store();
    await panel.waitForState("stored");
    // The same masks under another name are another SEG.
    await panel.part("samrefine-remarks").locator("summary").click();
    await panel.part("samrefine-creator").fill("Müller, Anna");
    await panel.part("samrefine-description").fill("Second reading");
    await panel.waitForState("review");
    await watched.screenshot("hand-over-remarks");
    await panel.store();
    await panel.waitForState("stored");
    const root = `${viewer.url}/dicom-web`;
    const [stored] = (await storedSegs(root, studyUid)).filter(
      ({ seg }) => textOf(seg.dataset, "SeriesDescription") === "Second reading",
    );
    if (stored === undefined) throw new Error("No stored SEG has the description.");
    expect(textOf(stored.seg.dataset, "ContentCreatorName")).toBe("Müller^Anna");
    expect(stored.seg.segments.map(({ label }) => label)).not.toContain(deleted);
    const edited = stored.seg.segments.find(({ label }) => label === "Left ulna, corrected");
    expect(edited?.type).toMatchObject({ value: "23416004", scheme: "SCT" });
    expect(edited?.colorRgb?.map(Math.round)).toEqual([0x12, 0xab, 0x9c]);
    if (hasDciodvfy) expect(dciodvfyErrors(stored.bytes)).toEqual([]);
    expect(watched.errors).toEqual([]);

    await page!.openStudy(studyUid);
    await openSegmentation(page!, stored.seg.sopInstanceUid);
    expect(await labels()).toContain("Left ulna, corrected");
    expect(watched.errors).toEqual([]);
  });
});

describe("downloads for other programs", () => {
  it("are NIfTI, seg.nrrd and an nnU-Net data set of a volume, with the panel's voxels", {
    timeout: 600_000,
  }, async () => {
    const { panel, watched } = await segmented(abdomen, "unet-phantom-ct", "samrefine-auto");
    const rows = (await panel.segments()).filter(({ voxels }) => voxels > 0);
    await watched.page.setViewportSize({ width: 1280, height: 720 });
    await expect.poll(() => rowsInSight(page!)).toBeGreaterThanOrEqual(4);
    await watched.screenshot("hand-over-low-window");

    await panel.selectFormat("nifti");
    const nifti = readNifti(await readFile(await panel.download()));
    const counts = new Map<number, number>();
    for (const label of nifti.volume.data) if (label !== 0) counts.set(label, (counts.get(label) ?? 0) + 1);
    // Numbered 1..N in the panel's order, empty segments left out; where segments overlap it holds what is on screen.
    const shown = await onlyLabelmap(watched.page);
    const onScreen = rows.map(({ number }, index) => [index + 1, countShown(shown, number)] as const);
    expect(Object.fromEntries(counts)).toEqual(Object.fromEntries(onScreen));

    await panel.selectFormat("seg-nrrd");
    const segNrrd = readSegNrrd(await readFile(await panel.download()));
    expect(segNrrd.segments.map(({ description }) => description.label)).toEqual(rows.map(({ label }) => label));
    expect(await panel.status()).toBe("The seg.nrrd was downloaded.");

    await panel.selectFormat("nnunet");
    const set = unzipSync(await readFile(await panel.download()));
    const file = (name: RegExp) => Object.entries(set).find(([path]) => name.test(path))?.[1] ?? new Uint8Array();
    const [image, label] = [file(/^imagesTr\/.*_0000\.nii\.gz$/), file(/^labelsTr\/.*\.nii\.gz$/)].map(
      (bytes) => readNifti(bytes).volume,
    );
    expect(image?.geometry).toEqual(label?.geometry);
    expect(label?.geometry).toEqual(nifti.volume.geometry);
    // Hounsfield units: air lies round -1000.
    expect(image?.data.some((value) => value < -900)).toBe(true);
    const { labels } = JSON.parse(Buffer.from(file(/^dataset\.json$/)).toString()) as {
      readonly labels: Readonly<Record<string, number>>;
    };
    expect(Object.keys(labels).filter((name) => name !== "ignore")).toEqual([
      "background",
      ...rows.map((row) => row.label),
    ]);
    // Doubtful masks become `ignore`, nothing else changes.
    const changed = nifti.volume.data.findIndex((value, i) => {
      const written = label?.data[i];
      return written !== value && (value === 0 || written !== labels.ignore);
    });
    expect(changed).toBe(-1);
    expect(watched.errors).toEqual([]);
  });
});

describe("an enhanced CT: one file of many frames", () => {
  let frames: StudyFolder;
  let own: RunningViewer;
  let studyUid: string;

  beforeAll(async () => {
    const files = await Promise.all((await readdir(abdomen)).toSorted().map((name) => readFile(join(abdomen, name))));
    const file = enhancedCt(files.slice(0, 12));
    studyUid = textOf(readPart10(file).dataset, "StudyInstanceUID") ?? "";
    frames = await createStudyFolder();
    await frames.write({ studyUid, files: [file], inside: { x: 0, y: 0 } });
    own = await startViewer({ folder: frames.path });
  });
  afterAll(async () => {
    await own?.stop();
    await frames?.remove();
  });

  it("is segmented frame by frame, and its SEG names the frames", async () => {
    page = await ViewerPage.open(browser, own.url);
    await page.openStudy(studyUid);
    const { panel, watched } = page;
    await panel.waitForModel("unet-phantom-ct");
    await panel.part("samrefine-refinement").selectOption("network-only");
    await panel.segmentStudy();
    await panel.waitForState("review", 300_000);
    expect(await panel.status()).toMatch(/^12 of 12 slices segmented/);
    const rows = (await panel.segments()).filter(({ voxels }) => voxels > 0);
    await watched.screenshot("hand-over-enhanced-ct");

    await panel.store();
    await panel.waitForState("stored");
    const [{ seg, bytes }] = (await storedSegs(`${own.url}/dicom-web`, studyUid)) as [StoredSeg];
    const voxels = new Map<string, number>();
    const named = new Set<number | undefined>();
    for (const frame of seg.frames) {
      const label = seg.segments.find(({ number }) => number === frame.segmentNumber)?.label ?? "";
      let count = 0;
      for (const value of seg.frame(frame.index)) if (value !== 0) count += 1;
      voxels.set(label, (voxels.get(label) ?? 0) + count);
      named.add(frame.sourceFrameNumber);
    }
    expect(Object.fromEntries(voxels)).toEqual(Object.fromEntries(rows.map(({ label, voxels }) => [label, voxels])));
    expect([...named].toSorted((a, b) => Number(a) - Number(b))).toEqual(Array.from({ length: 12 }, (_, i) => i + 1));
    if (hasDciodvfy) expect(dciodvfyErrors(bytes)).toEqual([]);

    await panel.selectFormat("nifti");
    const { volume } = readNifti(await readFile(await panel.download()));
    expect(volume.geometry.size[2]).toBe(12);
    expect(watched.errors).toEqual([]);
  });
});
