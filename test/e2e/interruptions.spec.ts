import { join } from "node:path";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { repositoryDirectory } from "./harness/artifacts.ts";
import { launchBrowser } from "./harness/browser.ts";
import { OwnTab } from "./harness/devtools-target.ts";
import { countDifferent, onlyLabelmap } from "./harness/shown-labelmap.ts";
import { studyUidOf } from "./harness/study-folder.ts";
import { ViewerPage } from "./harness/viewer-page.ts";
import { type RunningViewer, startViewer } from "./harness/viewer-process.ts";

// What a machine does to a run that goes on for minutes: the host of the models goes away, the browser freezes the tab, workers
// are ended without a word. One page of the demo CT lives through all of it.
const demo = join(repositoryDirectory, "apps", "viewer", "dist", "demo");

let browser: Browser;
let viewer: RunningViewer;
let page: ViewerPage;
let slices: number;

beforeAll(async () => {
  browser = await launchBrowser();
  viewer = await startViewer();
  page = await ViewerPage.open(browser, viewer.url);
  const viewport = await page.openStudy(await studyUidOf(join(demo, "abdomen")));
  await page.panel.waitForModel("unet-phantom-ct");
  slices = await viewport.sliceCount();
});
afterAll(async () => {
  await page?.close();
  await viewer?.stop();
  await browser?.close();
});

const shown = () => onlyLabelmap(page.watched.page);

/** Slices of the run that are finished; undefined when nothing runs. */
async function finished(): Promise<number | undefined> {
  return (await page.panel.state()) === "running" ? (await page.panel.progress())?.now : undefined;
}

/** Presses the button and waits until some slices are finished and most are not. */
async function startRun(): Promise<void> {
  await page.panel.segmentStudy();
  await expect.poll(finished, { timeout: 240_000, interval: 30 }).toBeGreaterThanOrEqual(2);
}

/** Every slice of the study is segmented by the network, but those that a person reviewed. */
async function expectWhole(reviewed: number): Promise<void> {
  await page.panel.waitForState("review", 240_000);
  expect(await page.panel.status()).toMatch(new RegExp(`^${slices - reviewed} of ${slices} slices segmented\\.`));
  expect(await page.panel.status()).not.toMatch(/could not be segmented/);
  const present = (await page.panel.segments()).filter(({ voxels }) => voxels > 0);
  expect(present.length).toBeGreaterThanOrEqual(5);
}

/** Ends a worker from within, as nothing on the page can notice but by its silence. */
async function endWorker(name: RegExp): Promise<void> {
  const workers = page.watched.page.workers().filter((worker) => name.test(worker.url()));
  expect(workers).toHaveLength(1);
  await workers[0]!.evaluate(() => globalThis.close());
}

/** A box with the tool on a slice, answered and accepted. */
async function drawBox(slice: number): Promise<void> {
  const viewport = page.viewport();
  await viewport.showSlice(slice);
  await page.activateRefineTool();
  await viewport.drag(await viewport.pixelAtShare({ x: 0.3, y: 0.3 }), await viewport.pixelAtShare({ x: 0.7, y: 0.7 }));
  await accept();
}

/** A click with the tool on the slice that is shown, answered and accepted. */
async function click(share: { readonly x: number; readonly y: number }): Promise<void> {
  await page.viewport().click(await page.viewport().pixelAtShare(share));
  await accept();
}

async function accept(): Promise<void> {
  await page.panel.part("samrefine-pending").waitFor();
  await page.panel.waitForState("review", 240_000);
  await page.watched.page.keyboard.press("Enter");
  await page.panel.part("samrefine-pending").waitFor({ state: "detached" });
}

describe("a run that is interrupted", () => {
  it("says so when the model's host goes away after the manifest, and another click goes on", async () => {
    const { panel, watched } = page;
    const files = "**/unet-phantom-ct/*.onnx";
    await watched.page.route(files, (route) => route.abort("connectionreset"));
    await panel.segmentStudy();
    await panel.waitForState("error");
    expect(await panel.status()).toMatch(/unet-phantom-ct\/.*\.onnx could not be read.*Check that the file/);
    await watched.screenshot("interrupted-host");
    await watched.page.unroute(files);
    await panel.segmentStudy();
    await expectWhole(0);
  });

  it("goes on with a new worker when that of the models is ended, and keeps what a person drew", async () => {
    await drawBox(20);
    const before = await shown();
    await startRun();
    await endWorker(/\/engine\.worker-/);
    expect(await finished()).toBeLessThan(slices - 1);
    await expectWhole(1);
    expect(await page.panel.status()).toMatch(/1 reviewed by you was left alone/);
    // The same network on the same slices: only what was lost would differ.
    expect(countDifferent(before, await shown())).toBe(0);
    await page.watched.screenshot("interrupted-models");
  });

  it("goes on when the worker above it is ended, and the tool answers after each end", async () => {
    const before = await shown();
    await startRun();
    await endWorker(/\/refinery\.worker-/);
    expect(await finished()).toBeLessThan(slices - 1);
    await expectWhole(1);
    expect(countDifferent(before, await shown())).toBe(0);
    await drawBox(26);
    // What the encoder made of the image went with the worker.
    await endWorker(/\/engine\.worker-/);
    await click({ x: 0.4, y: 0.5 });
    await endWorker(/\/refinery\.worker-/);
    await click({ x: 0.6, y: 0.5 });
    await page.watched.screenshot("interrupted-tool");
    expect(countDifferent(before, await shown())).toBeGreaterThan(200);
    expect(page.watched.foreignRequests).toEqual([]);
  });

  it("rests while its tab lies frozen behind another, and goes on to the end", async () => {
    const studyUid = await studyUidOf(join(demo, "abdomen"));
    const tab = await OwnTab.open(browser, `${viewer.url}/samrefine?StudyInstanceUIDs=${studyUid}`);
    try {
      const look = () => tab.evaluate(panelOf, "samrefine-panel");
      await expect.poll(look, { timeout: 120_000 }).toMatchObject({ model: "unet-phantom-ct", canRun: true });
      await tab.evaluate(() => document.querySelector<HTMLElement>('[data-testid="samrefine-auto"]')?.click(), "");
      await expect
        .poll(async () => (await look()).finished, { timeout: 240_000, interval: 30 })
        .toBeGreaterThanOrEqual(2);
      await tab.hide();
      await tab.setFrozen(true);
      const atRest = await look();
      expect(atRest).toMatchObject({ state: "running", visibility: "hidden" });
      expect(atRest.finished).toBeLessThan(slices - 1);
      await new Promise((resolve) => setTimeout(resolve, 3000));
      expect(await look()).toEqual(atRest);
      await tab.setFrozen(false);
      await tab.show();
      await expect.poll(async () => (await look()).state, { timeout: 240_000 }).toBe("review");
      const { status, segments } = await look();
      expect(status).toMatch(new RegExp(`^${slices} of ${slices} slices segmented\\.`));
      expect(segments).toBeGreaterThanOrEqual(5);
    } finally {
      await tab.close();
    }
  });
});

/** Runs in the page. */
function panelOf(testId: string) {
  const panel = document.querySelector<HTMLElement>(`[data-testid="${testId}"]`);
  const part = <E extends HTMLElement>(id: string) => panel?.querySelector<E>(`[data-testid="${id}"]`);
  const rows = [...(panel?.querySelectorAll<HTMLElement>('[data-testid="samrefine-segment-row"]') ?? [])];
  return {
    visibility: document.visibilityState,
    state: panel?.dataset.state,
    model: part<HTMLSelectElement>("samrefine-model")?.value,
    canRun: part<HTMLButtonElement>("samrefine-auto")?.disabled === false,
    /** Slices that are finished, while it runs. */
    finished: panel?.dataset.state === "running" ? Number(part("samrefine-progress")?.ariaValueNow) : 0,
    status: part("samrefine-status")?.textContent?.trim() ?? "",
    /** Those that were found. */
    segments: rows.filter((row) => Number(row.dataset.voxels) > 0).length,
  };
}
