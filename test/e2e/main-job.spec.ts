import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { decodeSeg } from "@samrefine/dicom";
import { findOrthanc, startOrthanc } from "@samrefine/viewer/orthanc";
import { unzipSync } from "fflate";
import type { Browser } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { repositoryDirectory } from "./harness/artifacts.ts";
import { launchBrowser } from "./harness/browser.ts";
import { openSegmentation } from "./harness/open-segmentation.ts";
import { realDicomFolder } from "./harness/real-data.ts";
import { reportMainThread } from "./harness/run-report.ts";
import { type ShownLabelmap, shownLabelmaps } from "./harness/shown-labelmap.ts";
import {
  compareWithScreen,
  dciodvfyErrors,
  filesBelow,
  hasDciodvfy,
  imageMetadata,
  type StoredSeg,
  storedSegs,
} from "./harness/stored-seg.ts";
import { createStudyFolder, studyUidOf } from "./harness/study-folder.ts";
import { ViewerPage } from "./harness/viewer-page.ts";
import { type RunningViewer, startViewer } from "./harness/viewer-process.ts";

/** A study of the main job and what must come out of it. */
interface Job {
  readonly name: string;
  /** Holds this one study; undefined where the data is not there. */
  readonly folder: string | undefined;
  readonly model: string;
  /** Series that one click goes through; OHIF makes one of every radiograph. */
  readonly series: number;
  /** Segments that must be found at least, in the series on screen. */
  readonly segments: number;
  /** The model's plan asks SAM, with prompts that are shown. */
  readonly hasPrompts?: boolean;
}

const demo = join(repositoryDirectory, "apps", "viewer", "dist", "demo");
const hand: Job = {
  name: "demo radiograph",
  folder: join(demo, "hand-2"),
  model: "unet-phantom-hand",
  series: 2,
  segments: 10,
  hasPrompts: true,
};
const abdomen: Job = {
  name: "demo CT",
  folder: join(demo, "abdomen"),
  model: "unet-phantom-ct",
  series: 1,
  segments: 5,
};
const teeth: Job = {
  name: "real teeth",
  folder: realStudy("teeth_dx", "pan001"),
  model: "unet-tooth",
  series: 1,
  segments: 1,
};
const hippocampus: Job = {
  name: "real hippocampus",
  folder: realStudy("hippocampus_mr", "hippocampus_001"),
  model: "unet-hippocampus",
  series: 1,
  segments: 2,
};

function realStudy(set: string, study: string): string | undefined {
  const folder = realDicomFolder(set);
  return folder === undefined ? undefined : join(folder, study);
}

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

interface Source {
  readonly viewer: RunningViewer;
  /** Whether what is stored lies in the viewer's own store folder. */
  readonly keepsFiles: boolean;
  stop(): Promise<void>;
}

/** One click, review, store, read back, reload: the same for every study and every archive. */
function describeMainJob(archive: string, jobs: readonly Job[], start: () => Promise<Source>): void {
  let source: Source;
  const root = (): string => `${source.viewer.url}/dicom-web`;

  beforeAll(async () => {
    source = await start();
  });
  afterAll(async () => source?.stop());

  for (const job of jobs) {
    it.skipIf(job.folder === undefined)(`segments the ${job.name} by one click`, { timeout: 900_000 }, async () => {
      const tag = `${archive}-${job.name.replaceAll(" ", "-")}`;
      const studyUid = await studyUidOf(job.folder ?? "");
      const before = new Set((await storedSegs(root(), studyUid)).map(({ seg }) => seg.sopInstanceUid));

      page = await ViewerPage.open(browser, source.viewer.url);
      const { watched, panel } = page;
      const viewport = await page.openStudy(studyUid);
      await panel.waitForModel(job.model);
      expect(await panel.state()).toBe("idle");
      await watched.screenshot(`${tag}-1-opened`);

      await panel.record();
      const startedMs = await watched.page.evaluate(() => performance.now());
      await panel.segmentStudy();
      await panel.waitForState(["running", "review"]);
      await watched.screenshot(`${tag}-2-running`);
      await panel.waitForState("review", 800_000);
      await reportMainThread(tag, watched, startedMs);
      console.info(`${tag}: ${await panel.status()} ${await panel.backend()}`);

      const { states, progress } = await panel.recorded();
      expect(states).toEqual(["idle", "loading", "running", "review"]);
      const slices = job.series === 1 ? await viewport.sliceCount() : job.series;
      expect(progress.at(-1)).toEqual({ now: slices, max: slices });
      expect(progress.every(({ now }, index) => now >= (progress[index - 1]?.now ?? 0))).toBe(true);

      const present = (await panel.segments()).filter(({ voxels }) => voxels > 0);
      expect(present.length).toBeGreaterThanOrEqual(job.segments);
      for (const { quality, label } of present) {
        expect(quality, label).toBeGreaterThan(0);
        expect(quality, label).toBeLessThanOrEqual(1);
      }
      if (slices > 1) await expectSliceStrip(page, slices);
      const labelmaps = await shownLabelmaps(watched.page);
      expect(labelmaps).toHaveLength(job.series);
      await expectDrawn(page);
      await watched.screenshot(`${tag}-3-review`);

      await panel.store();
      await panel.waitForState("stored", 240_000);
      await watched.screenshot(`${tag}-4-stored`);
      const stored = (await storedSegs(root(), studyUid)).filter(({ seg }) => !before.has(seg.sopInstanceUid));
      expect(stored).toHaveLength(job.series);
      const files = source.keepsFiles ? await filesBelow(source.viewer.store) : [];
      const comparisons: { readonly overlapping: number; readonly voxels: ReadonlyMap<string, number> }[] = [];
      for (const { bytes, seg } of stored) {
        if (source.keepsFiles) expect(files.some((file) => Buffer.compare(file, bytes) === 0)).toBe(true);
        if (hasDciodvfy) expect(dciodvfyErrors(bytes)).toEqual([]);
        const images = await imageMetadata(root(), studyUid, seg.referencedSeriesInstanceUid ?? "");
        const comparison = compareWithScreen(seg, labelmapOf(seg, labelmaps), images);
        expect(comparison).toMatchObject({ differing: 0, misplacedFrames: 0 });
        expect(new Set(seg.segments.map(({ algorithmType }) => algorithmType))).toEqual(new Set(["AUTOMATIC"]));
        comparisons.push(comparison);
      }
      // The rows of the panel are those of the series on screen.
      expect(comparisons.map(({ voxels }) => Object.fromEntries(voxels))).toContainEqual(
        Object.fromEntries(present.map(({ label, voxels }) => [label, voxels])),
      );
      await panel.part("samrefine-add-segment").click();
      await expect.poll(() => panel.status()).toBe("Changed since it was stored.");
      expect(await panel.state()).toBe("review");
      if (job.series > 1) await expectEveryImageCanBeShown(page, tag);
      if (job.hasPrompts) await expectPromptCanBeDragged(page, tag);
      expect(watched.foreignRequests).toEqual([]);
      expect(watched.errors).toEqual([]);

      const [{ seg }] = stored as [StoredSeg];
      await page.openStudy(studyUid);
      await openSegmentation(page, seg.sopInstanceUid);
      await expectDrawn(page);
      await watched.screenshot(`${tag}-5-reloaded`);
      const images = await imageMetadata(root(), studyUid, seg.referencedSeriesInstanceUid ?? "");
      const reloaded = compareWithScreen(seg, labelmapOf(seg, await shownLabelmaps(watched.page)), images);
      expect(reloaded).toMatchObject({ differing: 0, overlapping: comparisons[0]?.overlapping });
      expect(watched.errors).toEqual([]);
    });
  }
}

/** The label map that lies on the images of a SEG. */
function labelmapOf({ frames }: StoredSeg["seg"], labelmaps: readonly ShownLabelmap[]): ShownLabelmap {
  const uid = frames[0]?.sourceSopInstanceUid ?? "";
  const [found, ...more] = labelmaps.filter(({ slices }) => slices.has(uid));
  if (found === undefined || more.length > 0) throw new Error(`${more.length + 1} label maps lie on the image ${uid}.`);
  return found;
}

/** Every cell of the strip brings its image on screen, with its segments drawn on it. */
async function expectEveryImageCanBeShown(opened: ViewerPage, tag: string): Promise<void> {
  const { panel, watched } = opened;
  const cells = panel.root.locator("[data-slice]");
  for (let index = 0; index < (await cells.count()); index++) {
    await cells.nth(index).click();
    await panel.root.locator(`[data-slice="${index}"][aria-current="true"]`).waitFor({ timeout: 20_000 });
    await expectDrawn(opened);
    await watched.screenshot(`${tag}-image-${index + 1}`);
  }
}

/** Every slice has its cell, and J leads to a flagged one. */
async function expectSliceStrip({ panel, watched }: ViewerPage, slices: number): Promise<void> {
  const flagged = await panel.flaggedSlices.count();
  expect(flagged + (await panel.part("samrefine-slice").count())).toBe(slices);
  if (flagged === 0) return;
  await watched.page.keyboard.press("j");
  const current = panel.flaggedSlices.and(watched.page.locator('[aria-current="true"]'));
  await current.waitFor({ timeout: 10_000 });
  // Looked at and found good.
  await watched.page.keyboard.press("k");
  await expect.poll(() => panel.flaggedSlices.count()).toBe(flagged - 1);
  await panel.undo();
  await expect.poll(() => panel.flaggedSlices.count()).toBe(flagged);
}

/** The prompts that were derived from the network's masks are on screen: dragged, one brings another mask, and undo the old. */
async function expectPromptCanBeDragged(opened: ViewerPage, tag: string): Promise<void> {
  const { panel, watched } = opened;
  // Those of the current series, wherever it is shown.
  const viewports = Array.from({ length: await opened.viewportCount() }, (_, position) => opened.viewport(position));
  const find = async () => (await Promise.all(viewports.map((viewport) => viewport.boxPrompt()))).findIndex(Boolean);
  await expect.poll(find, { timeout: 10_000 }).toBeGreaterThanOrEqual(0);
  const viewport = viewports[await find()]!;
  const [start, end] = (await viewport.boxPrompt())!;
  const shown = async (): Promise<Buffer> =>
    Buffer.concat((await shownLabelmaps(watched.page)).flatMap(({ slices }) => [...slices.values()]));
  const before = await shown();
  await viewport.drag(end, { x: (start.x + end.x) / 2, y: (start.y + end.y) / 2 });
  await expect.poll(() => panel.status(), { timeout: 60_000 }).toMatch(/follows the edited prompt/);
  await watched.screenshot(`${tag}-3-prompt-dragged`);
  expect((await shown()).equals(before)).toBe(false);
  await panel.undo();
  await expect.poll(async () => (await shown()).equals(before), { timeout: 10_000 }).toBe(true);
}

/** Every viewport whose image has a label shows it in colour. */
async function expectDrawn(opened: ViewerPage): Promise<void> {
  let labelled = 0;
  for (let position = 0; position < (await opened.viewportCount()); position++) {
    const viewport = opened.viewport(position);
    const found = await viewport.labelledPixel().catch(() => undefined);
    if (found === undefined) continue;
    labelled += 1;
    const { slice, ...inside } = found;
    if (slice !== (await viewport.sliceIndex())) await viewport.showSlice(slice);
    const saturation = async (): Promise<number> => {
      const colour = await viewport.colourAt(inside);
      return Math.max(...colour) - Math.min(...colour);
    };
    await expect.poll(saturation, { timeout: 10_000 }).toBeGreaterThan(15);
  }
  expect(labelled).toBeGreaterThan(0);
}

describe("the demo, as npm start serves it", () => {
  describeMainJob("demo", [hand, abdomen], async () => {
    const viewer = await startViewer();
    return { viewer, keepsFiles: true, stop: async () => void (await viewer.stop()) };
  });
});

describe("a study of four radiographs, of which not all are on screen", () => {
  let viewer: RunningViewer;

  beforeAll(async () => {
    viewer = await startViewer({ folder: join(demo, "hand-1") });
  });
  afterAll(async () => void (await viewer?.stop()));

  it("is segmented, walked through, undone and redone as one", { timeout: 300_000 }, async () => {
    page = await ViewerPage.open(browser, viewer.url);
    const { panel, watched } = page;
    await page.openStudy(await studyUidOf(join(demo, "hand-1")));
    await panel.waitForModel(hand.model);
    await panel.part("samrefine-refinement").selectOption("network-only");
    await panel.segmentStudy();
    await panel.waitForState("review", 240_000);
    expect(await panel.status()).toMatch(/^4 of 4 images segmented/);
    expect(await panel.part("samrefine-store").textContent()).toBe("Store 4 SEGs");
    expect(await shownLabelmaps(watched.page)).toHaveLength(4);
    await expectDrawn(page);
    await watched.screenshot("four-radiographs-review");
    await watched.page.locator('[data-cy="Layout"]').click();
    await watched.page.locator('[data-cy="Layout-0-0"]').click();
    await expect.poll(() => page?.viewportCount()).toBe(1);
    await expectEveryImageCanBeShown(page, "four-radiographs");

    const empty = async (): Promise<number> =>
      (await shownLabelmaps(watched.page)).filter(({ slices }) =>
        [...slices.values()].every((labels) => labels.every((label) => label === 0)),
      ).length;
    expect(await empty()).toBe(0);
    await panel.undo();
    await expect.poll(empty).toBe(4);
    await panel.part("samrefine-redo").click();
    await expect.poll(empty).toBe(0);

    await panel.part("samrefine-auto-series").click();
    await panel.waitForState("review", 240_000);
    expect(await panel.status()).toMatch(/^Segmented/);
    await expectSegsInArchive(await panel.download(), 4);

    // A second model on one of them: what the first made is named beside it, stored with it, and can be listed again.
    await panel.selectModel(teeth.model);
    await panel.segmentStudy();
    await panel.waitForState("review", 240_000);
    const isFound = (await panel.segments()).some(({ voxels }) => voxels > 0);
    const other = panel.part("samrefine-other-segmentation");
    await watched.screenshot("four-radiographs-two-models");
    expect(await other.count()).toBe(1);
    expect(await panel.part("samrefine-store").textContent()).toBe(`Store ${isFound ? 5 : 4} SEGs`);
    await other.locator("button").click();
    await expect
      .poll(async () => (await panel.segments()).filter(({ voxels }) => voxels > 0).length)
      .toBeGreaterThan(1);
    expect(await other.count()).toBe(isFound ? 1 : 0);
    expect(await panel.part("samrefine-store").textContent()).toBe(`Store ${isFound ? 5 : 4} SEGs`);
    expect(watched.errors).toEqual([]);
  });
});

/** A downloaded archive holds so many SEGs, each of another image. */
async function expectSegsInArchive(path: string, count: number): Promise<void> {
  const segs = Object.values(unzipSync(await readFile(path))).map((bytes) => decodeSeg(bytes));
  expect(new Set(segs.map(({ frames }) => frames[0]?.sourceSopInstanceUid)).size).toBe(count);
  expect(segs).toHaveLength(count);
}

describe("a folder of real files", () => {
  describeMainJob("folder", [teeth, hippocampus], async () => {
    const folder = await createStudyFolder();
    for (const job of [teeth, hippocampus]) if (job.folder !== undefined) await folder.add(job.folder);
    const viewer = await startViewer({ folder: folder.path });
    const stop = async (): Promise<void> => {
      await viewer.stop();
      await folder.remove();
    };
    return { viewer, keepsFiles: true, stop };
  });
});

const orthancThere = (await findOrthanc()) !== undefined;
if (!orthancThere) console.warn("Skipped: Orthanc with its DICOMweb plug-in is not installed.");
describe.skipIf(!orthancThere)("a real PACS (Orthanc)", () => {
  const jobs = [hand, abdomen, teeth, hippocampus];
  describeMainJob("orthanc", jobs, async () => {
    const orthanc = await startOrthanc();
    for (const { folder } of jobs) if (folder !== undefined) await orthanc.upload(folder);
    const viewer = await startViewer({ dicomweb: orthanc.dicomwebUrl });
    const stop = async (): Promise<void> => {
      await viewer.stop();
      await orthanc.stop();
    };
    return { viewer, keepsFiles: false, stop };
  });
});
