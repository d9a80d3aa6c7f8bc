import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { launchBrowser, openWatchedPage, type WatchedPage } from "../e2e/harness/browser.ts";
import { type ServedPage, servePage } from "./serve-page.ts";
import type { TrainingPage } from "./training-page/page.ts";

type PageGlobal = typeof globalThis & { readonly trainingPage: TrainingPage };

const steps = 100;
let served: ServedPage;
let browser: Browser;
let watched: WatchedPage;

beforeAll(async () => {
  served = await servePage("training-page");
  browser = await launchBrowser();
  watched = await openWatchedPage(browser, served.origin);
  await open();
});

afterAll(async () => {
  await watched?.close();
  await browser?.close();
  await served?.stop();
});

async function open(): Promise<void> {
  await watched.page.goto(`${served.origin}/index.html`);
  await watched.page.waitForFunction(() => "trainingPage" in globalThis);
}

const start = (runId: string, resume: boolean) =>
  watched.page.evaluate((options) => (globalThis as PageGlobal).trainingPage.start(options), { runId, steps, resume });

const state = () =>
  watched.page.evaluate(() => {
    const { steps, dice, backend, modelBytes, failure } = (globalThis as PageGlobal).trainingPage;
    return { steps, dice, backend, modelBytes, failure };
  });

async function reachStep(step: number): Promise<void> {
  await watched.page.waitForFunction((wanted) => {
    const { steps, failure } = (globalThis as PageGlobal).trainingPage;
    return failure !== undefined || (steps.at(-1) ?? 0) >= wanted;
  }, step);
}

test("a U-Net learns phantom hands in the browser, over a reload and a pause", async () => {
  await start("hands", false);
  await reachStep(30);
  // The page goes away without a word; the last checkpoint is the one of step 20.
  await open();
  await start("hands", true);
  await reachStep(50);
  const resumed = await state();
  expect(resumed.failure).toBeUndefined();
  expect(resumed.steps[0]).toBeGreaterThan(20);
  expect((resumed.steps[0] ?? 0) % 20).toBe(1);

  await watched.page.evaluate(() => (globalThis as PageGlobal).trainingPage.pause());
  const resting = (await state()).steps.length;
  await watched.page.waitForTimeout(500);
  expect((await state()).steps).toHaveLength(resting);
  await watched.page.evaluate(() => (globalThis as PageGlobal).trainingPage.resume());

  await watched.page.waitForFunction(() => {
    const { dice, failure } = (globalThis as PageGlobal).trainingPage;
    return dice !== undefined || failure !== undefined;
  });
  const done = await state();
  expect(done.failure).toBeUndefined();
  expect(done.steps).toEqual(Array.from(done.steps, (_, index) => (done.steps[0] ?? 0) + index));
  expect(done.steps.at(-1)).toBe(steps);
  expect(done.backend).toContain("WebAssembly");
  expect(done.modelBytes).toBeGreaterThan(10_000);
  console.info(`Dice of held-out phantoms ${done.dice?.toFixed(3)} after ${steps} steps; ${done.backend}`);
  expect(done.dice).toBeGreaterThan(0.8);
  expect(watched.foreignRequests).toEqual([]);
  expect(watched.errors).toEqual([]);
});

test("a cancelled run leaves nothing to resume", async () => {
  await open();
  await start("cancelled", false);
  await reachStep(25);
  await watched.page.evaluate(() => (globalThis as PageGlobal).trainingPage.cancel());
  await watched.page.waitForFunction(() => (globalThis as PageGlobal).trainingPage.failure !== undefined);
  expect((await state()).failure).toContain("cancelled by the test");
  await open();
  await start("cancelled", true);
  await reachStep(1);
  expect((await state()).steps[0]).toBe(1);
});
