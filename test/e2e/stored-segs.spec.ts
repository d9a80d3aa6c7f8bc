// The stored SEG of every study kind of the conformance matrix in the real viewer: shown, edited with the brush, stored, reloaded.
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type AlgorithmType, type DecodedSeg, decodeSeg, encodeSeg, itemsOf, textOf } from "@samrefine/dicom";
import type { Browser } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { dataFolder, openStudy, requestFor, type StudyOnDisk, studies } from "../conformance/seg-matrix.ts";
import { launchBrowser } from "./harness/browser.ts";
import { storeFiles } from "./harness/dicomweb.ts";
import { openSegmentation } from "./harness/open-segmentation.ts";
import { countDifferent, onlyLabelmap, type ShownLabelmap } from "./harness/shown-labelmap.ts";
import {
  compareWithScreen,
  dciodvfyErrors,
  hasDciodvfy,
  imageMetadata,
  masksOf,
  storedSegs,
} from "./harness/stored-seg.ts";
import { createStudyFolder, type StudyFolder } from "./harness/study-folder.ts";
import { ViewerPage } from "./harness/viewer-page.ts";
import { type RunningViewer, startViewer } from "./harness/viewer-process.ts";
import type { Viewport } from "./harness/viewport.ts";

/** SEGs of other writers, where the data has one: dcmqi with overlapping segments, and the ground truth by highdicom. */
const byOthers: Readonly<Record<string, string>> = {
  "liver CT": "dcmqi_ct3slice_liver/partial_overlaps.dcm",
  "hippocampus MR": "hippocampus_mr/seg/hippocampus_001_groundtruth_seg.dcm",
};

let browser: Browser;
let scratch: string;
let folder: StudyFolder | undefined;
let viewer: RunningViewer | undefined;
let page: ViewerPage | undefined;

beforeAll(async () => {
  browser = await launchBrowser();
  scratch = await mkdtemp(join(tmpdir(), "samrefine-matrix-"));
});
afterEach(async () => {
  await page?.close();
  await viewer?.stop();
  await folder?.remove();
  page = viewer = folder = undefined;
});
afterAll(async () => {
  await browser?.close();
  await rm(scratch, { recursive: true, force: true });
});

/** A SEG of a study as it might come from the archive. */
async function storedSegOf(study: StudyOnDisk): Promise<Uint8Array> {
  const other = join(dataFolder, byOthers[study.name] ?? "");
  if (study.name in byOthers && existsSync(other)) return await readFile(other);
  // OHIF makes a series of its own of every radiograph.
  const { instances } = study.series;
  const series =
    instances[0]?.position === undefined ? { ...study.series, instances: instances.slice(0, 1) } : study.series;
  const isLabelmap = study.name === "teeth DX" || study.name === "demo abdominal CT";
  const request = requestFor(
    { ...study, series },
    isLabelmap ? "LABELMAP" : "BINARY",
    isLabelmap ? "3 segments" : "overlapping",
  );
  if (request === undefined) throw new Error("There is no such SEG.");
  return encodeSeg(request).bytes;
}

async function showSeg(opened: ViewerPage, studyUid: string, seg: DecodedSeg): Promise<ShownLabelmap> {
  await opened.openStudy(studyUid);
  await opened.panel.waitUntilThere();
  await openSegmentation(opened, seg.sopInstanceUid);
  return await onlyLabelmap(opened.watched.page);
}

interface ToolsGlobal {
  readonly cornerstoneTools: {
    readonly ToolGroupManager: {
      getAllToolGroups(): readonly { getActivePrimaryMouseButtonTool(): string | undefined }[];
    };
  };
}

/** Runs in the page: whether the left mouse button paints. */
function isBrushInHand(): boolean {
  const groups = (globalThis as unknown as ToolsGlobal).cornerstoneTools.ToolGroupManager.getAllToolGroups();
  return groups.some((group) => /Brush/.test(group.getActivePrimaryMouseButtonTool() ?? ""));
}

/** The viewport with the images that a label map lies on: every radiograph of a study has its own. */
async function viewportOf(opened: ViewerPage, labelmap: ShownLabelmap): Promise<Viewport> {
  for (let position = 0; position < (await opened.viewportCount()); position++) {
    const viewport = opened.viewport(position);
    const uid = await viewport.sopInstanceUid();
    if ([...labelmap.slices.keys()].some((image) => image.startsWith(uid))) return viewport;
  }
  throw new Error("No viewport shows the images of the SEG.");
}

/** Paints a stroke of the panel's first segment with the viewer's own brush, on the slice in the middle. */
async function paint(opened: ViewerPage, labelmap: ShownLabelmap): Promise<void> {
  const { panel, watched } = opened;
  const shown = await viewportOf(opened, labelmap);
  await shown.showSlice(Math.floor((await shown.sliceCount()) / 2));
  await panel.part("samrefine-segment-row").first().getByRole("button").first().click();
  await watched.page.locator('[data-cy="panelSegmentationWithToolsLabelMap-btn"]').click();
  await watched.page.locator('[data-cy="Brush-btn"]').click();
  await watched.page.waitForFunction(isBrushInHand);
  await shown.drag(await shown.pixelAtShare({ x: 0.42, y: 0.66 }), await shown.pixelAtShare({ x: 0.58, y: 0.72 }));
  await watched.page.locator('[data-cy="refine-btn"]').click();
  await panel.waitUntilThere();
}

/** Masks by segment label and image. */
function masksByName(seg: DecodedSeg): ReadonlyMap<string, Uint8Array> {
  return new Map([...masksOf(seg)].map(({ segment, image, mask }) => [`${segment.label} on ${image}`, mask]));
}

/** Names of masks that are not the same in both. */
function differingMasks(a: DecodedSeg, b: DecodedSeg): readonly string[] {
  const [left, right] = [masksByName(a), masksByName(b)];
  return [...new Set([...left.keys(), ...right.keys()])].filter(
    (name) => Buffer.compare(left.get(name) ?? Buffer.of(), right.get(name) ?? Buffer.of()) !== 0,
  );
}

function afterABrush(type: AlgorithmType | undefined): AlgorithmType {
  return type === undefined || type === "MANUAL" ? "MANUAL" : "SEMIAUTOMATIC";
}

describe("the stored SEG of every study kind", () => {
  for (const study of studies) {
    it(`${study.name}: shown, edited, stored and reloaded`, async ({ skip }) => {
      const onDisk = openStudy(study, scratch);
      if (onDisk === undefined) return skip("the real data is not there");
      folder = await createStudyFolder();
      for (const file of onDisk.files) await folder.add(file);
      viewer = await startViewer({ folder: folder.path });
      const root = `${viewer.url}/dicom-web`;
      const bytes = await storedSegOf(onDisk);
      const original = decodeSeg(bytes);
      const studyUid = original.studyInstanceUid ?? "";
      expect((await storeFiles(root, [bytes])).status).toBe(200);

      page = await ViewerPage.open(browser, viewer.url);
      const { panel, watched } = page;
      const shown = await showSeg(page, studyUid, original);
      const images = await imageMetadata(root, studyUid, original.referencedSeriesInstanceUid ?? "");
      expect(compareWithScreen(original, shown, images)).toMatchObject({ differing: 0, misplacedFrames: 0 });
      const tag = `stored-seg-${study.name.replaceAll(" ", "-")}`;
      await watched.screenshot(`${tag}-1-shown`);

      await paint(page, shown);
      await expect.poll(async () => countDifferent(shown, await onlyLabelmap(watched.page))).toBeGreaterThan(10);
      const edited = await onlyLabelmap(watched.page);
      await watched.screenshot(`${tag}-2-edited`);
      await panel.store();
      await panel.waitForState("stored");
      const stored = (await storedSegs(root, studyUid)).filter(
        ({ seg }) => seg.sopInstanceUid !== original.sopInstanceUid,
      );
      expect(stored).toHaveLength(1);
      const [{ seg: next, bytes: nextBytes }] = stored as [(typeof stored)[number]];
      expect(compareWithScreen(next, edited, images)).toMatchObject({ differing: 0, misplacedFrames: 0 });
      if (hasDciodvfy) expect(dciodvfyErrors(nextBytes)).toEqual([]);

      // Only what the brush touched changed: one mask, or more where it painted over another segment, on one image.
      const changed = differingMasks(original, next);
      expect(changed.length).toBeGreaterThan(0);
      expect(new Set(changed.map((name) => name.replace(/^.* on /, ""))).size).toBe(1);
      const [painted] = original.segments;
      expect(changed.some((name) => name.startsWith(`${painted?.label} on `))).toBe(true);
      expect(next.segments).toHaveLength(original.segments.length);
      for (const before of original.segments) {
        const { algorithmType, category, type, typeModifiers, anatomicRegion, description } = before;
        const isPainted = before === painted;
        expect(next.segments.find(({ label }) => label === before.label)).toMatchObject({
          ...{ category, type, typeModifiers, anatomicRegion, description },
          ...(before.trackingUid === undefined ? {} : { trackingUid: before.trackingUid }),
          algorithmType: isPainted ? afterABrush(algorithmType) : (algorithmType ?? "MANUAL"),
        });
      }
      const [predecessor] = itemsOf(next.dataset, "SourceImageSequence");
      expect(textOf(predecessor ?? {}, "ReferencedSOPInstanceUID")).toBe(original.sopInstanceUid);
      expect(watched.foreignRequests).toEqual([]);
      expect(watched.errors).toEqual([]);

      const reloaded = await showSeg(page, studyUid, next);
      await watched.screenshot(`${tag}-3-reloaded`);
      expect(reloaded.segments).toEqual(edited.segments);
      expect(countDifferent(edited, reloaded)).toBe(0);
      expect(watched.errors).toEqual([]);
    });
  }
});
