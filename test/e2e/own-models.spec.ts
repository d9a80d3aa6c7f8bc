import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { repositoryDirectory } from "./harness/artifacts.ts";
import { launchBrowser } from "./harness/browser.ts";
import { studyUidOf } from "./harness/study-folder.ts";
import { ViewerPage } from "./harness/viewer-page.ts";
import { type RunningViewer, startViewer } from "./harness/viewer-process.ts";

// A model that a user brings by dropping its files: the hand network of the demo under another name.
const demo = join(repositoryDirectory, "apps", "viewer", "dist", "demo");
const id = "my-hand";

let browser: Browser;
let viewer: RunningViewer;
let folder: string;
let page: ViewerPage;

beforeAll(async () => {
  browser = await launchBrowser();
  viewer = await startViewer();
  folder = await mkdtemp(join(tmpdir(), "samrefine-own-"));
  await cp(join(repositoryDirectory, "models", "unet-phantom-hand"), join(folder, "good"), { recursive: true });
  const manifest = JSON.parse(await readFile(join(folder, "good", "manifest.json"), "utf8"));
  const write = (place: string, value: unknown) =>
    writeFile(join(folder, place, "manifest.json"), JSON.stringify(value));
  await write("good", { ...manifest, id, title: "My hand network" });
  for (const other of ["damaged", "misnamed"]) await mkdir(join(folder, other));
  const model = await readFile(join(folder, "good", "model.onnx"));
  await write("damaged", { ...manifest, id });
  await writeFile(join(folder, "damaged", "model.onnx"), model.subarray(0, 5000));
  await write("misnamed", { ...manifest, id, tensors: { ...manifest.tensors, input: "pixels" } });
  await writeFile(join(folder, "misnamed", "model.onnx"), model);
  page = await ViewerPage.open(browser, viewer.url);
  await page.openStudy(await studyUidOf(join(demo, "hand-2")));
  await page.panel.waitForModel("unet-phantom-hand");
  await page.panel.part("samrefine-own-models").locator("summary").click();
});
afterAll(async () => {
  await page?.close();
  await viewer?.stop();
  await browser?.close();
  await rm(folder, { recursive: true, force: true });
});

/** Drops files on the panel's field, as a file manager does. */
async function drop(name: string): Promise<void> {
  const files = await Promise.all(
    (await readdir(join(folder, name))).map(async (file) => ({
      name: file,
      base64: (await readFile(join(folder, name, file))).toString("base64"),
    })),
  );
  await page.panel.part("samrefine-model-drop").evaluate((field, brought) => {
    const data = new DataTransfer();
    for (const { name: fileName, base64 } of brought) {
      data.items.add(new File([Uint8Array.from(atob(base64), (c) => c.charCodeAt(0))], fileName));
    }
    field.dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true }));
  }, files);
}

it("refuses what is damaged or says something else than its file, and keeps none of it", async () => {
  const { panel } = page;
  await drop("damaged");
  await expect.poll(() => panel.status(), { timeout: 60_000 }).toMatch(/not the one its manifest names/);
  await page.watched.screenshot("own-model-damaged");
  await drop("misnamed");
  await expect
    .poll(() => panel.status(), { timeout: 60_000 })
    .toMatch(/has the inputs .*, but its manifest names pixels/);
  expect(await panel.modelIds()).not.toContain(id);
  expect(await panel.part("samrefine-own-model").count()).toBe(0);
});

it("says that the browser's storage is full, and keeps no half of a model", async () => {
  const { panel, watched } = page;
  const protocol = await watched.context.newCDPSession(watched.page);
  const limit = (quotaSize?: number) =>
    protocol.send("Storage.overrideQuotaForOrigin", {
      origin: viewer.url,
      ...(quotaSize === undefined ? {} : { quotaSize }),
    });
  await limit(10_000);
  await drop("good");
  await expect
    .poll(() => panel.status(), { timeout: 60_000 })
    .toMatch(/my-hand could not be kept: .*Remove models that are not needed/);
  expect(await panel.modelIds()).not.toContain(id);
  expect(await panel.part("samrefine-own-model").count()).toBe(0);
  await watched.screenshot("own-model-storage-full");
  await limit();
  await protocol.detach();
});

it("keeps a good one over a reload, segments with it, and removes it", async () => {
  const { panel, watched } = page;
  await drop("good");
  await panel.waitForModel(id);
  await expect.poll(() => panel.status()).toMatch(/is kept in this browser/);
  await watched.screenshot("own-model-kept");
  await watched.page.reload();
  await page.viewport().waitForImage();
  await panel.waitUntilThere();
  await expect.poll(() => panel.modelIds(), { timeout: 60_000 }).toContain(id);
  await panel.selectModel(id);
  await panel.part("samrefine-refinement").selectOption("network-only");
  await panel.segmentStudy();
  await panel.waitForState("review", 240_000);
  expect((await panel.segments()).filter(({ voxels }) => voxels > 0).length).toBeGreaterThanOrEqual(10);
  await panel.part("samrefine-own-models").locator("summary").click();
  await panel.part("samrefine-own-model").locator("button").click();
  await expect.poll(() => panel.modelIds()).not.toContain(id);
  expect(watched.foreignRequests).toEqual([]);
  expect(watched.errors).toEqual([]);
});
