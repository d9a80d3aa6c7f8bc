import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Browser, Route } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { launchBrowser } from "./harness/browser.ts";
import {
  colourUltrasoundStudy,
  localiserStudy,
  type MadeStudy,
  madePatientName,
  mixedOrientationStudy,
  singleFrameStudy,
} from "./harness/made-studies.ts";
import { realDicomFolder } from "./harness/real-data.ts";
import { countShown, onlyLabelmap, shownLabelmaps } from "./harness/shown-labelmap.ts";
import { compareWithScreen, dciodvfyErrors, hasDciodvfy, imageMetadata, storedSegs } from "./harness/stored-seg.ts";
import { createStudyFolder, type StudyFolder, studyUidOf } from "./harness/study-folder.ts";
import { ViewerPage } from "./harness/viewer-page.ts";
import { type RunningViewer, startViewer } from "./harness/viewer-process.ts";

const single = singleFrameStudy();
const localiser = localiserStudy();
const mixed = mixedOrientationStudy();
const ultrasound = colourUltrasoundStudy();

const teeth = realPath("teeth_dx", "pan001");
const hippocampus = realPath("hippocampus_mr", "hippocampus_001");
const chest = realPath("chest_cr", "cxr001");
const inverted = realPath("cr_dx_single", "gdcm-CR-MONO1-10-chest.dcm");
const threeSlices = ["01.dcm", "02.dcm", "03.dcm"].map((name) => realPath("dcmqi_ct3slice_liver", name));

function realPath(set: string, name: string): string | undefined {
  const folder = realDicomFolder(set);
  return folder === undefined ? undefined : join(folder, name);
}

let browser: Browser;
let folder: StudyFolder;
let viewer: RunningViewer;
let page: ViewerPage | undefined;

beforeAll(async () => {
  browser = await launchBrowser();
  folder = await createStudyFolder();
  for (const made of [single, localiser, mixed, ultrasound]) await folder.write(made);
  for (const path of [teeth, hippocampus, chest, inverted, ...threeSlices])
    if (path !== undefined) await folder.add(path);
  viewer = await startViewer({ folder: folder.path });
});
afterEach(async () => {
  if (page) expectNothingTold(page);
  await page?.close();
  page = undefined;
});
afterAll(async () => {
  await viewer?.stop();
  await folder?.remove();
  await browser?.close();
});

/** No name may be left on the console, where logs are copied from. */
function expectNothingTold({ watched }: ViewerPage): void {
  const [familyName = ""] = madePatientName.split("^");
  for (const line of watched.console) expect(line).not.toContain(familyName);
  expect(watched.foreignRequests).toEqual([]);
}

/** The tests of a group one after the other in one tab, each by its address: what the browser keeps need not be fetched again. */
function inOneTab(): () => ViewerPage {
  let opened: ViewerPage;
  beforeAll(async () => {
    opened = await ViewerPage.open(browser, viewer.url);
  });
  afterEach(() => expectNothingTold(opened));
  afterAll(async () => opened?.close());
  return () => opened;
}

async function open(studyUid: string): Promise<ViewerPage> {
  page = await ViewerPage.open(browser, viewer.url);
  await page.openStudy(studyUid);
  await page.panel.waitUntilThere();
  return page;
}

/** Drags a box round the middle of the shown image with the SAM refine tool, and accepts the answer. */
async function segmentMiddle(opened: ViewerPage): Promise<void> {
  const { panel, watched } = opened;
  const viewport = opened.viewport();
  await opened.activateRefineTool();
  await viewport.drag(
    await viewport.pixelAtShare({ x: 0.24, y: 0.24 }),
    await viewport.pixelAtShare({ x: 0.76, y: 0.76 }),
  );
  await panel.part("samrefine-pending").waitFor();
  await panel.waitForState("review", 240_000);
  await watched.page.keyboard.press("Enter");
  await panel.part("samrefine-pending").waitFor({ state: "detached" });
}

async function lastSeg(studyUid: string) {
  const stored = (await storedSegs(`${viewer.url}/dicom-web`, studyUid)).at(-1);
  if (stored === undefined) throw new Error("No SEG was stored.");
  return stored;
}

describe("a run that is ended early", () => {
  it.skipIf(hippocampus === undefined)("keeps what is finished when cancelled, or when its study is left", async () => {
    const studyUid = await studyUidOf(hippocampus ?? "");
    const { panel, watched } = await open(studyUid);
    await panel.waitForModel("unet-hippocampus");
    await panel.segmentStudy();
    await panel.cancelAt(2);
    await panel.waitForState(["review", "idle"]);
    const kept = Number(/Cancelled: (\d+) of \d+ slices are finished/.exec(await panel.status())?.[1]);
    await watched.screenshot("fault-cancelled");
    expect(kept).toBeGreaterThanOrEqual(2);
    expect(kept).toBeLessThan(34);
    expect(
      await panel.root
        .locator(".samrefine-slice--good,.samrefine-slice--fair,.samrefine-slice--check,.samrefine-slice--absent")
        .count(),
    ).toBe(kept);
    await panel.undo();
    const shown = await onlyLabelmap(watched.page);
    for (const { number } of shown.segments) expect(countShown(shown, number)).toBe(0);

    await panel.record();
    await panel.segmentStudy();
    const finished = async (): Promise<number> => (await panel.recorded()).progress.at(-1)?.now ?? 0;
    await expect.poll(finished, { timeout: 240_000, interval: 50 }).toBeGreaterThanOrEqual(1);
    await watched.page.locator('[data-cy="return-to-work-list"]').click();
    await watched.page.locator("table tbody tr").first().waitFor({ timeout: 60_000 });
    await watched.page.waitForTimeout(3000);
    expect(watched.errors).toEqual([]);
    await watched.page.goBack();
    await page?.viewport().waitForImage();
    await panel.waitForModel("unet-hippocampus");
    expect(await panel.state()).toBe("idle");
    expect(await shownLabelmaps(watched.page)).toEqual([]);
    // The browser kept what was finished; one press stores it.
    await panel.part("samrefine-waiting").waitFor({ timeout: 30_000 });
    await watched.screenshot("fault-study-left");
    await panel.part("samrefine-waiting-store").click();
    await expect.poll(() => panel.status(), { timeout: 60_000 }).toMatch(/^Stored and read back, identical/);
    const { seg } = await lastSeg(studyUid);
    expect(seg.frames.length).toBeGreaterThan(0);
    expect(watched.errors).toEqual([]);
  });
});

describe("an archive that does not take the SEG", () => {
  const refusals: readonly { readonly name: string; readonly answer: (route: Route) => Promise<void> }[] = [
    { name: "fails", answer: (route) => route.fulfill({ status: 500, body: "out of order" }) },
    { name: "finds it too large", answer: (route) => route.fulfill({ status: 413, body: "too large" }) },
    { name: "does not answer", answer: (route) => route.abort("connectionrefused") },
  ];

  it("loses nothing: the SEG can be downloaded and stored later, and is the same", async () => {
    const opened = await open(single.studyUid);
    const { panel, watched } = opened;
    await segmentMiddle(opened);
    const post = /\/dicom-web\/studies(\/[\d.]+)?$/;
    for (const { name, answer } of refusals) {
      await watched.page.route(post, (route) =>
        route.request().method() === "POST" ? answer(route) : route.continue(),
      );
      await panel.store();
      await panel.waitForState("error", 60_000);
      expect((await panel.status()).length, name).toBeGreaterThan(20);
      expect(await panel.part("samrefine-store").textContent(), name).toBe("Store again");
      await watched.screenshot(`fault-archive-${name.replaceAll(" ", "-")}`);
      await watched.page.unroute(post);
    }
    const downloaded = await readFile(await panel.download());
    await panel.store();
    await panel.waitForState("stored");
    const { bytes } = await lastSeg(single.studyUid);
    expect(Buffer.compare(downloaded, bytes)).toBe(0);
    expect(await storedSegs(`${viewer.url}/dicom-web`, single.studyUid)).toHaveLength(1);
    expect(await panel.part("samrefine-waiting").count()).toBe(0);
  });

  it("gets it after the tab was closed: the browser keeps it and offers it with the study", async () => {
    const opened = await open(single.studyUid);
    const { panel, watched } = opened;
    const before = (await storedSegs(`${viewer.url}/dicom-web`, single.studyUid)).length;
    await segmentMiddle(opened);
    const post = /\/dicom-web\/studies(\/[\d.]+)?$/;
    await watched.page.route(post, (route) => route.abort("connectionrefused"));
    await panel.store();
    await panel.waitForState("error", 60_000);
    const refused = await readFile(await panel.download());
    await watched.page.unroute(post);

    await opened.openStudy(single.studyUid);
    await panel.part("samrefine-waiting").waitFor();
    await watched.screenshot("fault-archive-kept-by-the-browser");
    await panel.part("samrefine-waiting-store").click();
    await expect.poll(() => panel.status()).toMatch(/^Stored and read back, identical/);
    await panel.part("samrefine-waiting").waitFor({ state: "detached" });
    expect(await storedSegs(`${viewer.url}/dicom-web`, single.studyUid)).toHaveLength(before + 1);
    expect(Buffer.compare(refused, (await lastSeg(single.studyUid)).bytes)).toBe(0);

    await opened.openStudy(single.studyUid);
    await panel.waitUntilThere();
    await expect.poll(() => panel.part("samrefine-backend").count()).toBe(1);
    expect(await panel.part("samrefine-waiting").count()).toBe(0);
    // What SAM's encoder made of the image was kept as well: now nothing is encoded.
    await segmentMiddle(opened);
    await panel.part("samrefine-diagnostics").locator("summary").click();
    const diagnostics = () => panel.part("samrefine-diagnostics-text").textContent();
    await expect.poll(diagnostics, { timeout: 30_000 }).toMatch(/Cache in storage: [1-9]\d* hits, 0 misses/);
    expect(await diagnostics()).toMatch(/SAM encoder 0\.00 s, SAM decoder (?!0\.00)/);
  });
});

describe.skipIf(teeth === undefined)("a model that is not what it says", () => {
  const manifest = "**/samrefine/models/unet-tooth/manifest.json";
  interface Manifest {
    readonly files: { url: string; sha256: string; bytes: number }[];
  }

  /** Opens the radiograph with a manifest that was tampered with. */
  async function openWith(tamper: (manifest: Manifest) => string): Promise<ViewerPage> {
    page = await ViewerPage.open(browser, viewer.url);
    await page.watched.context.route(manifest, async (route) => {
      const response = await route.fetch();
      await route.fulfill({ response, body: tamper((await response.json()) as Manifest) });
    });
    await page.openStudy(await studyUidOf(teeth ?? ""));
    await page.panel.waitUntilThere();
    return page;
  }

  it("is refused when its file has another digest", async () => {
    const { panel, watched } = await openWith((value) => {
      const [file] = value.files;
      if (file) file.sha256 = "0".repeat(64);
      return JSON.stringify(value);
    });
    await panel.waitForModel("unet-tooth");
    await panel.segmentStudy();
    await panel.waitForState("error");
    expect(await panel.status()).toMatch(/digest|SHA-256/i);
    await watched.screenshot("fault-digest");
  });

  it("is refused when its file is no model", async () => {
    // Another file of the viewer, with its true size and digest.
    const url = "../mobile-sam/manifest.json";
    const bytes = Buffer.from(
      await (await fetch(`${viewer.url}/samrefine/models/mobile-sam/manifest.json`)).arrayBuffer(),
    );
    const sha256 = createHash("sha256").update(bytes).digest("hex");
    const { panel, watched } = await openWith((value) =>
      JSON.stringify({ ...value, files: [{ ...value.files[0], url, sha256, bytes: bytes.length }] }),
    );
    await panel.waitForModel("unet-tooth");
    await panel.segmentStudy();
    await panel.waitForState("error");
    expect(await panel.status()).toMatch(/model|load/i);
    await watched.screenshot("fault-no-model");
  });

  it("is named when its manifest cannot be read, and the tool still works", async () => {
    const { panel, watched } = await openWith(() => "{ this is no JSON");
    await expect.poll(() => panel.status(), { timeout: 30_000 }).toMatch(/unet-tooth\/manifest\.json/);
    expect(await panel.selectedModel()).toBe("");
    expect(await panel.status()).toMatch(/SAM refine tool/);
    await watched.screenshot("fault-manifest");
  });
});

describe("images that are out of the ordinary", () => {
  interface Oddity {
    readonly name: string;
    /** Undefined where the data is not there. */
    readonly studyUid: () => Promise<string | undefined>;
    /** What the panel must say about them. */
    readonly says?: RegExp;
    /** Id of the network that is offered for them; without it none must be. */
    readonly fits?: string;
  }
  const made = ({ studyUid }: MadeStudy) => ({ studyUid: async () => studyUid });
  const real = (path: string | undefined) => ({ studyUid: async () => path && studyUidOf(path) });
  const oddities: readonly Oddity[] = [
    { name: "a localiser", ...made(localiser), says: /localiser/ },
    { name: "mixed orientations in one series", ...made(mixed), says: /different planes/ },
    { name: "a colour ultrasound image", ...made(ultrasound), says: /Colour/ },
    { name: "an inverted radiograph (MONOCHROME1)", ...real(inverted), fits: "unet-chest" },
    { name: "a radiograph without pixel spacing", ...real(chest), says: /No pixel spacing/, fits: "unet-chest" },
    { name: "a series of three slices", ...real(threeSlices[0]) },
  ];

  const tab = inOneTab();

  for (const { name, studyUid, says, fits } of oddities) {
    it(`segments ${name}, and its SEG lies where it should`, async ({ skip }) => {
      const uid = await studyUid();
      if (uid === undefined) return skip("the real data is not there");
      const opened = tab();
      const { panel, watched } = opened;
      const errorsBefore = watched.errors.length;
      await opened.openStudy(uid);
      await panel.waitUntilThere();
      if (fits === undefined) expect(await panel.status()).toMatch(/No U-Net fits/);
      else await panel.waitForModel(fits);
      if (says) expect(await panel.root.textContent()).toMatch(says);
      await segmentMiddle(opened);
      const shown = await onlyLabelmap(watched.page);
      await watched.screenshot(`fault-${name.replaceAll(/[^a-z]+/gi, "-")}`);
      expect(countShown(shown, 1)).toBeGreaterThan(100);
      await panel.store();
      await panel.waitForState("stored");
      const { seg, bytes } = await lastSeg(uid);
      const images = await imageMetadata(`${viewer.url}/dicom-web`, uid, seg.referencedSeriesInstanceUid ?? "");
      expect(compareWithScreen(seg, shown, images)).toMatchObject({ differing: 0, misplacedFrames: 0 });
      if (hasDciodvfy) expect(dciodvfyErrors(bytes)).toEqual([]);
      expect(watched.errors.slice(errorsBefore)).toEqual([]);
    });
  }
});

describe("a browser that lacks something", () => {
  it("runs on one thread without cross-origin isolation, and says so", async () => {
    page = await ViewerPage.open(browser, viewer.url);
    await page.watched.context.route("**/*", async (route) => {
      if (route.request().resourceType() !== "document") return route.fallback();
      const response = await route.fetch();
      const headers = Object.fromEntries(
        Object.entries(response.headers()).filter(([name]) => !name.startsWith("cross-origin-")),
      );
      return route.fulfill({ response, headers });
    });
    await page.openStudy(single.studyUid);
    await page.panel.waitUntilThere();
    expect(await page.watched.page.evaluate(() => crossOriginIsolated)).toBe(false);
    expect(await page.panel.backend()).toMatch(/1 thread/);
    await segmentMiddle(page);
    expect(await page.panel.backend()).toMatch(/1 thread/);
    await page.watched.screenshot("fault-not-isolated");
    expect(countShown(await onlyLabelmap(page.watched.page), 1)).toBeGreaterThan(100);
  });

  it("says so when WebGL is missing, since the viewer then draws nothing", async () => {
    const bare = await launchBrowser(["--disable-3d-apis", "--disable-gpu"]);
    try {
      page = await ViewerPage.open(bare, viewer.url);
      const { panel, watched } = page;
      await watched.page.goto(`${viewer.url}/samrefine?StudyInstanceUIDs=${single.studyUid}`);
      await panel.waitUntilThere();
      await expect.poll(() => panel.state()).toBe("error");
      expect(await panel.status()).toMatch(/no WebGL.*hardware acceleration/);
      await watched.screenshot("fault-no-webgl");
    } finally {
      await page?.close();
      page = undefined;
      await bare.close();
    }
  });
});
