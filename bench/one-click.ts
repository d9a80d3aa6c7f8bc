// One press of Auto-segment in the built viewer, in Chromium: its time against the model runs in it and against the same
// models run bare in the same browser, in turns; what lies between the runs; long tasks of our code on the main thread; and
// the tab's memory over series of different length. Prints tables and, with --json FILE, writes them.
import { existsSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { loadavg } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { parseManifest } from "@samrefine/models";
import { buildViewer } from "@samrefine/viewer/build";
import { defaultLayout, repositoryDirectory } from "@samrefine/viewer/locations";
import type { Browser } from "playwright-core";
import { launchBrowser } from "../test/e2e/harness/browser.ts";
import { attachToWorkers } from "../test/e2e/harness/devtools-target.ts";
import { realDicomFolder } from "../test/e2e/harness/real-data.ts";
import { studyUidOf } from "../test/e2e/harness/study-folder.ts";
import { ViewerPage } from "../test/e2e/harness/viewer-page.ts";
import { startViewer } from "../test/e2e/harness/viewer-process.ts";
import { type Comparison, compare, median, printTable, writeReport } from "./harness.ts";
import { type BareModel, BareModels } from "./one-click/bare-models.ts";
import { type CpuProfile, placeOfCharacter, type ThreadTime, threadTime } from "./one-click/cpu-profile.ts";
import { madeCtSeries } from "./one-click/made-series.ts";
import { PageWatch } from "./one-click/page-watch.ts";
import { rendererCpuSeconds } from "./one-click/renderer-cpu.ts";
import { RendererMemory } from "./one-click/renderer-memory.ts";

const { values: options } = parseArgs({
  options: {
    json: { type: "string" },
    quick: { type: "boolean", default: false },
    /** Only the cases whose name contains this. */
    only: { type: "string", default: "" },
    /** Clicks per case that are compared, instead of each case's own number. */
    clicks: { type: "string" },
    /** Folder for the profiles of the last click of each case, as DevTools open them. */
    profiles: { type: "string" },
  },
});

interface Case {
  readonly name: string;
  /** Holds one study; undefined where its data is not there. */
  readonly folder: () => Promise<string | undefined>;
  readonly model: string;
  readonly refinement: "network-only" | "with-sam";
  /** Clicks after the first, which loads the models. */
  readonly clicks: number;
  readonly isQuick?: boolean;
}

const demo = (name: string) => async () => join(defaultLayout.demo, name);
const made = (slices: number) => () => madeCtSeries(slices);
const hippocampus = async (): Promise<string | undefined> => {
  const set = realDicomFolder("hippocampus_mr");
  return set && join(set, "hippocampus_001");
};

const ct = "unet-phantom-ct";
const cases: readonly Case[] = [
  { name: "demo CT, U-Net", folder: demo("abdomen"), model: ct, refinement: "network-only", clicks: 5, isQuick: true },
  { name: "demo CT, with SAM", folder: demo("abdomen"), model: ct, refinement: "with-sam", clicks: 3 },
  {
    name: "demo radiographs, with SAM",
    folder: demo("hand-2"),
    model: "unet-phantom-hand",
    refinement: "with-sam",
    clicks: 3,
    isQuick: true,
  },
  {
    name: "hippocampus MR, U-Net",
    folder: hippocampus,
    model: "unet-hippocampus",
    refinement: "network-only",
    clicks: 5,
  },
  {
    name: "hippocampus MR, with SAM",
    folder: hippocampus,
    model: "unet-hippocampus",
    refinement: "with-sam",
    clicks: 3,
  },
  { name: "CT of 50 slices, U-Net", folder: made(50), model: ct, refinement: "network-only", clicks: 1, isQuick: true },
  { name: "CT of 100 slices, U-Net", folder: made(100), model: ct, refinement: "network-only", clicks: 1 },
  { name: "CT of 200 slices, U-Net", folder: made(200), model: ct, refinement: "network-only", clicks: 1 },
  { name: "CT of 50 slices, with SAM", folder: made(50), model: ct, refinement: "with-sam", clicks: 0 },
  { name: "CT of 200 slices, with SAM", folder: made(200), model: ct, refinement: "with-sam", clicks: 0 },
];

const longestRunMs = 1_800_000;
const longTaskMs = 50;

/** One click; seconds. */
interface ClickTimes {
  readonly wall: number;
  /** From the click to the first slice: loading models, reading a series whose values are needed at once. */
  readonly loading: number;
  /** In `session.run`, as the engine meters it during the click. */
  readonly raw: number;
  /** The same runs, each at the median time of bare runs right after the click; decoder runs as metered. */
  readonly bare: number;
  /** Processor time of the tab, all threads, which other work on the machine touches least; and of the same runs bare. */
  readonly cpu: number;
  readonly bareCpu: number;
}

interface LongTaskOfOurs {
  readonly ms: number;
  readonly invoker: string;
  readonly place: string;
}

interface CaseReport {
  readonly name: string;
  readonly slices: number;
  /** Of the machine over the last minute of the case: where it is far above 3, times say little. */
  readonly load: number;
  readonly first: ClickTimes;
  readonly rows: readonly Comparison[];
  /** Of one more click under the profiler: thread time of ours and of the browser for us, and all of it by thread. */
  readonly processing: { readonly wallMs: number; readonly threads: Readonly<Record<string, ThreadTime>> };
  /** Over all clicks but the profiled one. */
  readonly mainThread: {
    readonly longTasks: number;
    readonly longestMs: number;
    readonly ours: readonly LongTaskOfOurs[];
  };
  /** MB; `tab` is what the browser says that page and workers hold, 0 when it did not answer in time. */
  readonly memory:
    | { readonly before: number; readonly peak: number; readonly after: number; readonly tab: number }
    | undefined;
}

async function bareModelsOf(id: string): Promise<Readonly<Record<string, BareModel>>> {
  const folder = join(repositoryDirectory, "models", id);
  const file = join(folder, "manifest.json");
  const manifest = parseManifest(JSON.parse(await readFile(file, "utf8")), file);
  if (manifest.task !== "semantic-segmentation") throw new Error(`${id} is no U-Net.`);
  const { rows, columns, channels } = manifest.input;
  const sam = join(defaultLayout.web, "samrefine", "models", "mobile-sam");
  return {
    "unet.onnx": {
      file: join(folder, "model.onnx"),
      input: manifest.tensors.input,
      dims: [1, channels, rows, columns],
    },
    "encoder.onnx": { file: join(sam, "encoder.onnx"), input: "input", dims: [1, 3, 1024, 1024] },
  };
}

async function measureCase(task: Case, folder: string): Promise<CaseReport> {
  const viewer = await startViewer({ folder });
  let browser: Browser | undefined;
  let bare: BareModels | undefined;
  try {
    const chromium = await launchBrowser();
    browser = chromium;
    const bareModels = await BareModels.open(browser, await bareModelsOf(task.model));
    bare = bareModels;
    const page = await ViewerPage.open(browser, viewer.url);
    const { panel, watched } = page;
    const watch = await PageWatch.install(watched.page);
    await page.openStudy(await studyUidOf(folder));
    await panel.waitForModel(task.model);
    await panel.part("samrefine-refinement").selectOption(task.refinement);
    // The host reads the series ahead; a click that waits for it would measure the network.
    await watched.page.waitForLoadState("networkidle");
    let slices = 0;
    const memory = await RendererMemory.of(browser);
    const before = await memory?.now();
    await memory?.resetPeak();

    const bareRun = async (model: string, runs: number): Promise<{ readonly wall: number; readonly cpu: number }> => {
      const before = await rendererCpuSeconds(chromium);
      const times = await bareModels.run(model, runs);
      return { wall: median(times) / 1000, cpu: ((await rendererCpuSeconds(chromium)) - before) / runs };
    };
    await bareModels.run("unet.onnx", 1);
    if (task.refinement === "with-sam") await bareModels.run("encoder.onnx", 1);

    const press = async (): Promise<void> => {
      await panel.segmentStudy();
      await watch.waitForEnd(longestRunMs);
    };
    const click = async (): Promise<ClickTimes & { readonly startedMs: number }> => {
      const isFirst = !(await watch.hasWorker());
      if (!isFirst) await watch.clearCache();
      const start = isFirst ? undefined : await watch.stats();
      const cpuBefore = await rendererCpuSeconds(chromium);
      await press();
      const cpu = (await rendererCpuSeconds(chromium)) - cpuBefore;
      const { startedMs, runningMs, endedMs } = await watch.lastClick();
      const end = await watch.stats();
      slices = await watch.slicesOfLastClick();
      const spent = (role: keyof typeof end.runMs): number => (end.runMs[role] - (start?.runMs[role] ?? 0)) / 1000;
      const encoded = end.cacheMisses - (start?.cacheMisses ?? 0);
      // Both refinements run the U-Net once per slice, without mirrored runs.
      const unet = await bareRun("unet.onnx", 9);
      const encoder = encoded === 0 ? { wall: 0, cpu: 0 } : await bareRun("encoder.onnx", 3);
      const decoder = spent("decoder");
      // A decoder run uses the processor as an encoder run does.
      const decoderCpu = encoded === 0 ? 0 : (decoder * encoder.cpu) / encoder.wall;
      return {
        startedMs,
        wall: (endedMs - startedMs) / 1000,
        loading: (runningMs - startedMs) / 1000,
        raw: spent("unet") + spent("encoder") + decoder,
        bare: slices * unet.wall + encoded * encoder.wall + decoder,
        cpu,
        bareCpu: slices * unet.cpu + encoded * encoder.cpu + decoderCpu,
      };
    };

    await watch.beginMemory();
    const first = await click();
    const tab = await watch.endMemory();
    const counted: ClickTimes[] = [];
    for (let index = 0; index < Number(options.clicks ?? task.clicks); index++) {
      counted.push(await click());
      process.stdout.write(`  click ${index + 2}: ${describe(counted.at(-1) ?? first)}\n`);
    }
    const measured =
      memory && before !== undefined
        ? { before, peak: await memory.peak(), after: await memory.now(), tab }
        : undefined;
    const mainThread = await longTasksOf(page, first.startedMs);
    await watch.clearCache();
    const processing = await profiledClick(page, task.name, async () => {
      await press();
      return watch.lastClick();
    });
    const warm = counted.length > 0 ? counted : [first];
    const of = (key: keyof ClickTimes) => warm.map((times) => times[key]);
    return {
      name: task.name,
      slices,
      load: loadavg()[0] ?? Number.NaN,
      first,
      rows: [
        compare(`${task.name}: click / model runs in it`, "s", of("wall"), of("raw")),
        compare(`${task.name}: click / the same runs bare`, "s", of("wall"), of("bare")),
        compare(`${task.name}: processor time, click / the same runs bare`, "s", of("cpu"), of("bareCpu")),
      ],
      processing,
      mainThread,
      memory: measured,
    };
  } finally {
    await bare?.close();
    await browser?.close();
    await viewer.stop();
  }
}

/** What held the main thread for more than 50 ms since the given time on the page's clock. */
async function longTasksOf({ watched }: ViewerPage, sinceMs: number): Promise<CaseReport["mainThread"]> {
  const [tasks, frames] = await Promise.all([watched.longTasks(), watched.longFrames()]);
  const long = tasks.filter(({ startMs }) => startMs >= sinceMs).map(({ durationMs }) => durationMs);
  const scripts = frames
    .filter(({ startMs }) => startMs >= sinceMs)
    .flatMap((frame) => frame.scripts)
    .filter(({ sourceUrl, durationMs }) => sourceUrl.includes("/samrefine/") && durationMs > longTaskMs)
    .toSorted((a, b) => b.durationMs - a.durationMs);
  const ours: LongTaskOfOurs[] = [];
  for (const { name, sourceUrl, sourcePosition, durationMs } of scripts) {
    ours.push({ ms: durationMs, invoker: name, place: await placeOfCharacter(sourceUrl, sourcePosition) });
  }
  return { longTasks: long.length, longestMs: Math.max(0, ...long), ours };
}

/** One click with the sampling profiler on the page, on our worker and on the engine's. */
async function profiledClick(
  { watched }: ViewerPage,
  caseName: string,
  click: () => Promise<{ readonly startedMs: number; readonly endedMs: number }>,
): Promise<CaseReport["processing"]> {
  const session = await watched.context.newCDPSession(watched.page);
  const workers = await attachToWorkers(session);
  const worker = (name: string) => {
    const found = workers.find(({ url }) => new RegExp(`/${name}\\.worker[^/]*\\.js`).test(url));
    if (found === undefined) throw new Error(`There is no ${name} worker among ${workers.map(({ url }) => url)}.`);
    return found;
  };
  const threads = {
    "main thread": { send: (method: string) => session.send(method as "Profiler.stop") as Promise<unknown> },
    "our worker": worker("refinery"),
    "engine's worker": worker("engine"),
  };
  for (const thread of Object.values(threads)) {
    await thread.send("Profiler.enable");
    await thread.send("Profiler.start");
  }
  const { startedMs, endedMs } = await click();
  const times: Record<string, ThreadTime> = {};
  for (const [name, thread] of Object.entries(threads)) {
    const { profile } = (await thread.send("Profiler.stop")) as { readonly profile: CpuProfile };
    times[name] = await threadTime(profile);
    if (options.profiles !== undefined) {
      const file = `${caseName}, ${name}.cpuprofile`.replaceAll(/[^\w.-]+/g, "-");
      await writeFile(join(options.profiles, file), JSON.stringify(profile));
    }
  }
  await session.detach();
  return { wallMs: endedMs - startedMs, threads: times };
}

function describe({ wall, loading, raw, bare, cpu, bareCpu }: ClickTimes): string {
  const [ratio, bareRatio] = [wall / raw, wall / bare].map((value) => value.toFixed(2));
  return (
    `${wall.toFixed(2)} s, ${loading.toFixed(2)} s of it before the first slice; ` +
    `model runs ${raw.toFixed(2)} s (${ratio}), bare ${bare.toFixed(2)} s (${bareRatio}); ` +
    `processor ${cpu.toFixed(2)} s, of bare runs ${bareCpu.toFixed(2)} s (${(cpu / bareCpu).toFixed(2)})`
  );
}

/** Pre- and post-processing: what our worker and the engine's spend beside the model runs, as a share of the click. */
function processingShare({ wallMs, threads }: CaseReport["processing"]): number {
  let ms = 0;
  for (const [name, { oursMs, browserMs }] of Object.entries(threads)) {
    if (name !== "main thread") ms += oursMs + browserMs;
  }
  return ms / wallMs;
}

function print(report: CaseReport): void {
  const { processing, mainThread, memory } = report;
  console.info(`${report.name}, ${report.slices} slices, load of the machine ${report.load.toFixed(1)}`);
  console.info(`  first click: ${describe(report.first)}`);
  for (const { what, ratio, min, max, runs } of report.rows) {
    console.info(`  ${what}: ${ratio.toFixed(2)} (${min.toFixed(2)} to ${max.toFixed(2)}, ${runs} clicks)`);
  }
  console.info(`  pre- and post-processing: ${(100 * processingShare(processing)).toFixed(1)} % of a click`);
  for (const [name, { oursMs, runtimeMs, browserMs, hostMs, functions }] of Object.entries(processing.threads)) {
    console.info(
      `    ${name}: ours ${oursMs.toFixed(0)} ms, ONNX Runtime ${runtimeMs.toFixed(0)}, browser ${browserMs.toFixed(0)}, ` +
        `host ${hostMs.toFixed(0)} of ${processing.wallMs.toFixed(0)}`,
    );
    for (const { place, ms } of functions.slice(0, 8)) console.info(`      ${ms.toFixed(0)} ms  ${place}`);
  }
  console.info(
    `  main thread: ${mainThread.longTasks} tasks over ${longTaskMs} ms, the longest ${mainThread.longestMs.toFixed(0)} ms; ` +
      `${mainThread.ours.length} in our scripts`,
  );
  for (const { ms, invoker, place } of mainThread.ours.slice(0, 8)) {
    console.info(`    ${ms.toFixed(0)} ms  ${invoker}  ${place}`);
  }
  if (memory === undefined) return;
  const { before, peak, after, tab } = memory;
  console.info(
    `  memory of the tab's process: ${before.toFixed(0)} MB before, ${peak.toFixed(0)} at most, ${after.toFixed(0)} after; ` +
      `the page with its workers says ${tab === 0 ? "nothing" : `${tab.toFixed(0)} MB`}`,
  );
}

await buildViewer({ log: (message) => process.stdout.write(`${message}\n`) });
if (options.profiles !== undefined) await mkdir(options.profiles, { recursive: true });
const reports: CaseReport[] = [];
for (const task of cases) {
  if ((options.quick && !task.isQuick) || !task.name.includes(options.only)) continue;
  const folder = await task.folder();
  if (folder === undefined || !existsSync(folder)) continue;
  const report = await measureCase(task, folder);
  print(report);
  reports.push(report);
}
printTable(reports.flatMap(({ rows }) => rows));
if (options.json !== undefined) await writeReport(options.json, "one-click", { cases: reports });
