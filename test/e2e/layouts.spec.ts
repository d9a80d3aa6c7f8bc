import { join } from "node:path";
import type { Browser } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { repositoryDirectory } from "./harness/artifacts.ts";
import { launchBrowser } from "./harness/browser.ts";
import { countShown, onlyLabelmap, shownLabelmaps } from "./harness/shown-labelmap.ts";
import { studyUidOf } from "./harness/study-folder.ts";
import { ViewerPage } from "./harness/viewer-page.ts";
import { type RunningViewer, startViewer } from "./harness/viewer-process.ts";

// What breaks viewers' AI tools first: a second viewport, planes that no image was acquired in, and another study while a
// run goes on. All on the demo studies.
const demo = join(repositoryDirectory, "apps", "viewer", "dist", "demo");

let browser: Browser;
let viewer: RunningViewer;
let abdomen: string;
let hand: string;
let page: ViewerPage;

beforeAll(async () => {
  browser = await launchBrowser();
  viewer = await startViewer();
  abdomen = await studyUidOf(join(demo, "abdomen"));
  hand = await studyUidOf(join(demo, "hand-2"));
});
afterEach(async () => {
  expect(page.watched.foreignRequests).toEqual([]);
  expect(page.watched.errors).toEqual([]);
  await page.close();
});
afterAll(async () => {
  await viewer?.stop();
  await browser?.close();
});

async function chooseLayout(name: string): Promise<void> {
  const { page: tab } = page.watched;
  await tab.locator('[data-cy="Layout"]').click();
  await tab.locator(`[data-cy="${name}"]`).click();
}

/** Waits until SAM has answered the last gesture, and accepts the answer. */
async function accept(): Promise<void> {
  const { panel, watched } = page;
  await panel.part("samrefine-pending").waitFor();
  await panel.waitForState("review", 240_000);
  await watched.page.keyboard.press("Enter");
  await panel.part("samrefine-pending").waitFor({ state: "detached" });
}

/** The host's first press in another viewport makes it the active one; there it falls on no image. */
async function activate(position: number): Promise<void> {
  const pane = page.watched.page.locator('[data-cy="viewport-pane"]').nth(position);
  const { height = 0 } = (await pane.boundingBox()) ?? {};
  await pane.click({ position: { x: 20, y: 0.2 * height } });
}

/** Drags a box round the middle of a viewport. */
async function boxRoundMiddle(position: number): Promise<void> {
  const viewport = page.viewport(position);
  await viewport.drag(await viewport.pixelAtShare({ x: 0.3, y: 0.3 }), await viewport.pixelAtShare({ x: 0.7, y: 0.7 }));
}

/** Pixels on a viewport's canvas that are not grey: CT is, a drawn label map is not. */
function colouredPixels(position: number): Promise<number> {
  const canvas = page.watched.page
    .locator('[data-cy="viewport-pane"]')
    .nth(position)
    .locator("canvas.cornerstone-canvas");
  return canvas.evaluate((element) => {
    const { width, height } = element as HTMLCanvasElement;
    const { data } = (element as HTMLCanvasElement).getContext("2d")!.getImageData(0, 0, width, height);
    let count = 0;
    for (let i = 0; i < data.length; i += 4) {
      if (Math.max(data[i]!, data[i + 1]!, data[i + 2]!) - Math.min(data[i]!, data[i + 1]!, data[i + 2]!) > 40) count++;
    }
    return count;
  });
}

const shownPixels = async (): Promise<number> => countShown(await onlyLabelmap(page.watched.page), 1);

describe("the SAM refine tool in other layouts", () => {
  it("answers in two viewports in turn, each on its own slice, into one label map", async () => {
    page = await ViewerPage.open(browser, viewer.url);
    await page.openStudy(abdomen);
    await page.panel.waitUntilThere();
    await chooseLayout("Layout-0-1");
    await expect.poll(() => page.viewportCount(), { timeout: 20_000 }).toBe(2);
    const second = page.viewport(1);
    if (!(await second.hasImage())) {
      await page.watched.page.locator('[data-cy="viewport-pane"]').nth(1).click();
      await page.watched.page.locator('[data-cy="study-browser-thumbnail"]').first().dblclick();
    }
    await second.waitForImage();
    await page.viewport(0).showSlice(20);
    await second.showSlice(26);
    await page.activateRefineTool();
    const counts = [0];
    for (const position of [0, 1, 0]) {
      // The first viewport is asked again, a little further, after the second has answered.
      if (counts.length === 3) await page.viewport(0).showSlice(23);
      await activate(position);
      await boxRoundMiddle(position);
      await accept();
      counts.push(await shownPixels());
      expect(counts.at(-1)).toBeGreaterThan(counts.at(-2)! + 200);
    }
    await page.watched.screenshot("layout-two-viewports");
    const { slices } = await onlyLabelmap(page.watched.page);
    expect([...slices.values()].filter((labels) => labels.includes(1))).toHaveLength(3);
  });

  it("works on the acquired plane of a reconstruction, and says on the others why it cannot", async () => {
    page = await ViewerPage.open(browser, viewer.url);
    await page.openStudy(abdomen);
    const { panel, watched } = page;
    await panel.waitUntilThere();
    await chooseLayout("MPR");
    await expect.poll(() => page.viewportCount(), { timeout: 60_000 }).toBe(3);
    for (const position of [0, 1, 2]) await page.viewport(position).waitForImage();
    await page.activateRefineTool();
    const answers: string[] = [];
    for (const position of [0, 1, 2]) {
      await activate(position);
      const frame = await watched.page.locator('[data-cy="viewport-pane"]').nth(position).boundingBox();
      const { x, y, width, height } = frame!;
      const at = (share: number) => [x + share * width, y + share * height] as const;
      await watched.page.mouse.click(...at(0.45));
      const isRefused = async (): Promise<boolean> => /planes in which/.test(await panel.status());
      const isAsked = async (): Promise<boolean> => (await panel.part("samrefine-pending").count()) > 0;
      await expect.poll(async () => (await isAsked()) || (await isRefused())).toBe(true);
      if (await isAsked()) {
        await accept();
        answers.push("answered");
        continue;
      }
      answers.push(await panel.status());
      // A box there is refused in the same words.
      await watched.page.mouse.move(...at(0.35));
      await watched.page.mouse.down();
      await watched.page.mouse.move(...at(0.6), { steps: 6 });
      await watched.page.mouse.up();
      await expect.poll(() => panel.status()).toBe(answers.at(-1));
      expect(await panel.part("samrefine-pending").count()).toBe(0);
    }
    await watched.screenshot("layout-planes");
    expect(answers.filter((answer) => answer === "answered")).toHaveLength(1);
    for (const answer of answers) expect(answer).toMatch(/^answered$|planes in which the images were acquired/);
    expect(await shownPixels()).toBeGreaterThan(50);
    for (const position of [0, 1, 2]) await expect.poll(() => colouredPixels(position)).toBeGreaterThan(50);
  });
});

describe("another study in the middle of a run", () => {
  it("ends the run: nothing hangs, and nothing of the old study is shown", async () => {
    page = await ViewerPage.open(browser, viewer.url);
    await page.openStudy(abdomen);
    const { panel, watched } = page;
    await panel.waitForModel("unet-phantom-ct");
    await panel.record();
    await panel.segmentStudy();
    await expect
      .poll(async () => (await panel.recorded()).progress.at(-1)?.now ?? 0, { timeout: 240_000, interval: 50 })
      .toBeGreaterThanOrEqual(2);
    await watched.page.locator('[data-cy="return-to-work-list"]').click();
    await watched.page.locator("table tbody tr").first().waitFor({ timeout: 60_000 });
    // The same page of the application goes on: its workers, its listeners, its label maps.
    await watched.page.evaluate((uid) => {
      history.pushState({}, "", `/samrefine?StudyInstanceUIDs=${uid}`);
      dispatchEvent(new PopStateEvent("popstate", { state: {} }));
    }, hand);
    await page.viewport().waitForImage();
    await panel.waitForModel("unet-phantom-hand");
    expect(await panel.state()).toBe("idle");
    expect(await shownLabelmaps(watched.page)).toEqual([]);
    await panel.part("samrefine-refinement").selectOption("network-only");
    await panel.segmentStudy();
    await panel.waitForState("review", 240_000);
    await watched.screenshot("layout-other-study");
    expect(await shownLabelmaps(watched.page)).toHaveLength(2);
    expect((await panel.segments()).filter(({ voxels }) => voxels > 0).length).toBeGreaterThanOrEqual(10);
  });
});
