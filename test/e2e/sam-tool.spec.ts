import type { Browser } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { launchBrowser } from "./harness/browser.ts";
import { realDicomFolder } from "./harness/real-data.ts";
import { reportMainThread } from "./harness/run-report.ts";
import { countShown, onlyLabelmap } from "./harness/shown-labelmap.ts";
import { compareWithScreen, dciodvfyErrors, hasDciodvfy, imageMetadata, storedSegs } from "./harness/stored-seg.ts";
import { studyUidOf } from "./harness/study-folder.ts";
import { ViewerPage } from "./harness/viewer-page.ts";
import { type RunningViewer, startViewer } from "./harness/viewer-process.ts";
import type { PixelPoint } from "./harness/viewport.ts";

const body = realDicomFolder("ct_body_20slices");
const head = realDicomFolder("ct_head_tilt_ge");

let browser: Browser;

beforeAll(async () => {
  browser = await launchBrowser();
});
afterAll(async () => {
  await browser?.close();
});

/** Pixels of the first segment, over all slices, as the viewer holds them. */
async function countPixels({ watched }: ViewerPage): Promise<number> {
  return countShown(await onlyLabelmap(watched.page), 1);
}

/** Whether the segment holds a pixel of the shown slice; `slice` by SOP Instance UID. */
async function isInside({ watched }: ViewerPage, sopUid: string, columns: number, pixel: PixelPoint): Promise<boolean> {
  const labels = (await onlyLabelmap(watched.page)).slices.get(sopUid);
  return labels?.[pixel.y * columns + pixel.x] === 1;
}

interface AnnotationGlobal {
  readonly cornerstoneTools: {
    readonly annotation: {
      readonly selection: { getAnnotationsSelected(): readonly string[] };
      readonly state: { getAnnotation(uid: string): unknown };
    };
  };
}

/** Runs in the page: Cornerstone selects once it is sure that no double click comes. */
function hasSelectedAnnotation(): boolean {
  const { selection, state } = (globalThis as unknown as AnnotationGlobal).cornerstoneTools.annotation;
  return selection.getAnnotationsSelected().some((uid) => state.getAnnotation(uid) !== undefined);
}

/** Waits until SAM has answered the last gesture. */
async function answered({ panel }: ViewerPage): Promise<void> {
  await panel.part("samrefine-pending").waitFor();
  await panel.waitForState("review", 240_000);
}

/** Stores, reads back, judges. @returns the SEG's segments */
async function storeAndJudge(page: ViewerPage, viewer: RunningViewer, studyUid: string) {
  const root = `${viewer.url}/dicom-web`;
  const shown = await onlyLabelmap(page.watched.page);
  await page.panel.store();
  await page.panel.waitForState("stored");
  const stored = (await storedSegs(root, studyUid)).at(-1);
  if (stored === undefined) throw new Error("No SEG was stored.");
  const images = await imageMetadata(root, studyUid, stored.seg.referencedSeriesInstanceUid ?? "");
  expect(compareWithScreen(stored.seg, shown, images)).toMatchObject({ differing: 0, misplacedFrames: 0 });
  if (hasDciodvfy) expect(dciodvfyErrors(stored.bytes)).toEqual([]);
  return stored.seg.segments;
}

describe.skipIf(body === undefined)("the SAM refine tool on a real abdominal CT", () => {
  const slice = 10;
  const liver = { x: 180, y: 262 };
  const spine = { x: 262, y: 350 };
  const columns = 512;
  /** Round the liver of that slice. */
  const corners = [
    { x: 100, y: 200 },
    { x: 262, y: 372 },
  ] as const;
  let viewer: RunningViewer;
  let studyUid: string;
  let page: ViewerPage;
  let sopUid: string;

  beforeAll(async () => {
    viewer = await startViewer({ folder: body ?? "" });
    studyUid = await studyUidOf(body ?? "");
    page = await ViewerPage.open(browser, viewer.url);
    const viewport = await page.openStudy(studyUid);
    await page.panel.waitUntilThere();
    await viewport.showSlice(slice);
    sopUid = await viewport.sopInstanceUid();
  });
  afterAll(async () => {
    await page?.close();
    await viewer?.stop();
  });

  it("is offered although no U-Net fits, and the panel says so", async () => {
    expect(await page.panel.selectedModel()).toBe("");
    expect(await page.panel.status()).toMatch(/No U-Net fits this series.*SAM refine tool/s);
    expect(await page.panel.part("samrefine-auto").isDisabled()).toBe(true);
    const status = await page.panel.status();
    await page.watched.page.keyboard.press("j");
    await expect.poll(() => page.panel.status()).toBe(`No slice is to check before the study is segmented. ${status}`);

    const button = page.watched.page.locator('[data-tool="SamRefine"] button');
    const pressed = async () => [
      await page.panel.part("samrefine-tool").getAttribute("aria-pressed"),
      await button.getAttribute("aria-pressed"),
    ];
    expect(await pressed()).toEqual(["false", "false"]);
    await page.panel.part("samrefine-tool").click();
    await expect.poll(pressed).toEqual(["true", "true"]);
    await page.panel.part("samrefine-tool").click();
    await expect.poll(pressed).toEqual(["false", "false"]);
    await page.activateRefineTool();
    await expect.poll(pressed).toEqual(["true", "true"]);
    await page.watched.screenshot("tool-1-offered");
  });

  it("answers a click with a mask that holds it, and Esc takes the mask away", async () => {
    const startedMs = await page.watched.page.evaluate(() => performance.now());
    await page.viewport().click(liver);
    await answered(page);
    await reportMainThread("first click on a CT slice", page.watched, startedMs);
    expect(await isInside(page, sopUid, columns, liver)).toBe(true);
    await page.watched.screenshot("tool-2-click");

    // SAM's other masks of the same click, round to the first again.
    const token = () => page.panel.part("samrefine-other-mask").getAttribute("data-token");
    const first = await token();
    const sizes = new Set([await countPixels(page)]);
    for (let step = 1; step <= 4; step++) {
      await page.watched.page.keyboard.press("m");
      await expect.poll(token, { timeout: 60_000 }).toBe(String((Number(first) + step) % 4));
      await page.panel.waitForState("review", 60_000);
      sizes.add(await countPixels(page));
    }
    expect(sizes.size).toBeGreaterThan(2);
    expect(sizes.size).toBeLessThanOrEqual(4);
    await page.watched.page.keyboard.press("Escape");
    await expect.poll(() => countPixels(page)).toBe(0);
    expect(await page.panel.part("samrefine-pending").count()).toBe(0);
  });

  it("answers a box with the liver, leaves the spine out, and a negative click takes away what it hits", async () => {
    await page.viewport().drag(...corners);
    await answered(page);
    const boxed = await countPixels(page);
    await page.watched.screenshot("tool-3-box");
    expect(boxed).toBeGreaterThan(10_000);
    expect(boxed).toBeLessThan(30_000);
    expect(await isInside(page, sopUid, columns, liver)).toBe(true);
    expect(await isInside(page, sopUid, columns, spine)).toBe(false);

    const hit = { x: 120, y: 250 };
    expect(await isInside(page, sopUid, columns, hit)).toBe(true);
    await page.viewport().click(hit, ["Control"]);
    await expect.poll(() => isInside(page, sopUid, columns, hit), { timeout: 60_000 }).toBe(false);
    await page.watched.screenshot("tool-4-negative");
    expect(await countPixels(page)).toBeLessThan(boxed);

    await page.panel.undo();
    await expect.poll(() => countPixels(page), { timeout: 60_000 }).toBe(boxed);
    await page.watched.page.keyboard.press("Enter");
    await page.panel.part("samrefine-pending").waitFor({ state: "detached" });
    expect(await countPixels(page)).toBe(boxed);
  });

  it("keeps the prompt as an annotation: the mask follows when it is dragged, and goes when it is deleted", async () => {
    const before = await countPixels(page);
    const [start, end] = corners;
    await page.viewport().drag(end, { x: 215, y: 330 });
    await expect.poll(() => page.panel.status(), { timeout: 60_000 }).toMatch(/follows the edited prompt/);
    const followed = await countPixels(page);
    await page.watched.screenshot("tool-5-dragged");
    expect(followed).toBeGreaterThan(0);
    expect(await isInside(page, sopUid, columns, { x: 240, y: 350 })).toBe(false);

    await page.panel.undo();
    await expect.poll(() => countPixels(page)).toBe(before);
    await page.watched.page.getByTestId("samrefine-redo").click();
    await expect.poll(() => countPixels(page)).toBe(followed);
    await page.panel.undo();
    await expect.poll(() => countPixels(page)).toBe(before);

    // What was dragged stays selected.
    await page.watched.page.waitForFunction(hasSelectedAnnotation);
    await page.watched.page.keyboard.press("Delete");
    await expect.poll(() => countPixels(page), { timeout: 10_000 }).toBe(0);
    await page.panel.undo();
    await expect.poll(() => countPixels(page)).toBe(before);
    // What came back is not selected; a click on its frame selects it.
    await page.viewport().click({ x: start.x, y: (start.y + end.y) / 2 });
    await page.watched.page.waitForFunction(hasSelectedAnnotation);
    await page.watched.page.keyboard.press("Backspace");
    await expect.poll(() => countPixels(page), { timeout: 10_000 }).toBe(0);
  });

  it("works on another slice, and its SEG says that a person helped", async () => {
    await page.viewport().showSlice(slice + 3);
    const before = await countPixels(page);
    await page.viewport().drag(...corners);
    await answered(page);
    await page.watched.page.keyboard.press("Enter");
    await page.panel.part("samrefine-pending").waitFor({ state: "detached" });
    expect(await countPixels(page)).toBeGreaterThan(before + 5_000);
    await page.watched.screenshot("tool-6-second-slice");
    const segments = await storeAndJudge(page, viewer, studyUid);
    expect(segments.map(({ algorithmType }) => algorithmType)).toEqual(["SEMIAUTOMATIC"]);
    expect(page.watched.foreignRequests).toEqual([]);
    expect(page.watched.errors).toEqual([]);
  });

  it("tells what runs and what it keeps, without a word of the patient, and deletes it", async () => {
    await page.panel.part("samrefine-diagnostics").locator("summary").click();
    const text = () => page.panel.part("samrefine-diagnostics-text").textContent();
    await expect.poll(text, { timeout: 30_000 }).toMatch(/Cache in storage: .* [1-9]\d* embeddings/);
    await page.watched.screenshot("tool-diagnostics");
    expect(await text()).not.toContain(studyUid);
    await page.panel.part("samrefine-clear-cache").click();
    await expect.poll(text, { timeout: 30_000 }).toMatch(/Cache in storage: .* 0 embeddings/);
    await page.panel.part("samrefine-diagnostics").locator("summary").click();
  });
});

describe.skipIf(head === undefined)("the SAM refine tool on a tilted head CT in JPEG-LS", () => {
  let viewer: RunningViewer;
  let page: ViewerPage | undefined;

  beforeAll(async () => {
    viewer = await startViewer({ folder: head ?? "" });
  });
  afterEach(async () => {
    await page?.close();
  });
  afterAll(async () => viewer?.stop());

  it("segments by a box and stores a SEG that lies on every tilted plane", async () => {
    const studyUid = await studyUidOf(head ?? "");
    page = await ViewerPage.open(browser, viewer.url);
    const viewport = await page.openStudy(studyUid);
    await page.panel.waitUntilThere();
    await viewport.showSlice(14);
    await page.activateRefineTool();
    const { columns, rows } = await viewport.imageSize();
    await viewport.drag(
      { x: Math.round(0.22 * columns), y: Math.round(0.12 * rows) },
      { x: Math.round(0.78 * columns), y: Math.round(0.88 * rows) },
    );
    await answered(page);
    await page.watched.page.keyboard.press("Enter");
    await page.panel.part("samrefine-pending").waitFor({ state: "detached" });
    await page.watched.screenshot("tool-8-head");
    expect(await countPixels(page)).toBeGreaterThan(2_000);
    const segments = await storeAndJudge(page, viewer, studyUid);
    expect(segments.map(({ algorithmType }) => algorithmType)).toEqual(["SEMIAUTOMATIC"]);
    expect(page.watched.errors).toEqual([]);
  });
});
