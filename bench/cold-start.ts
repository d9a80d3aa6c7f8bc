// Cold start to the first image: our viewer against the published OHIF build, served by the same server, with the same
// compression, from the same study, in turns. Prints a table and, with --json FILE, writes the rows.
import { cp, mkdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { buildViewer } from "@samrefine/viewer/build";
import { precompressFolder } from "@samrefine/viewer/compress";
import { openFolderSource } from "@samrefine/viewer/data-source";
import { fetchOhif, ohifVersion } from "@samrefine/viewer/fetch-ohif";
import { defaultLayout } from "@samrefine/viewer/locations";
import { startViewerServer, type ViewerServer } from "@samrefine/viewer/server";
import type { Browser } from "playwright-core";
import { launchBrowser } from "../test/e2e/harness/browser.ts";
import { studyUids } from "../test/e2e/harness/dicomweb.ts";
import { Viewport } from "../test/e2e/harness/viewport.ts";
import { compare, printTable, writeReport } from "./harness.ts";

const { values: options } = parseArgs({
  options: {
    json: { type: "string" },
    quick: { type: "boolean", default: false },
    folder: { type: "string", default: defaultLayout.demo },
  },
});
const rounds = options.quick ? 3 : 9;

interface ColdStart {
  readonly seconds: number;
  readonly megabytes: number;
}

interface Contender {
  readonly name: string;
  readonly url: string;
}

/** The published build as it is, with a configuration that names our data source and nothing else. */
async function assembleStock(): Promise<string> {
  const target = join(defaultLayout.cache, `stock-${ohifVersion}`);
  const done = await stat(join(target, ".done")).catch(() => undefined);
  if (done !== undefined) return target;
  const source = join(await fetchOhif({ cacheDirectory: defaultLayout.cache }), "dist");
  await rm(target, { recursive: true, force: true });
  await mkdir(target, { recursive: true });
  await cp(source, target, { recursive: true });
  const published = await readFile(join(source, "app-config.js"), "utf8");
  const address = "https://d14fa38qiwhyfd.cloudfront.net/dicomweb";
  if (!published.includes(address)) throw new Error("OHIF's default configuration names another server than expected.");
  const local = published
    .replaceAll(address, "/dicom-web")
    .replace("thumbnailRendering: 'thumbnail'", "thumbnailRendering: 'wadors'")
    .replace("staticWado: true", "staticWado: false");
  await writeFile(join(target, "app-config.js"), local);
  await precompressFolder(target, { recursive: false });
  await writeFile(join(target, ".done"), "");
  return target;
}

/** Opens the address in a fresh profile and waits until the first image stands on the canvas. */
async function measure(browser: Browser, url: string): Promise<ColdStart> {
  const context = await browser.newContext({ viewport: { width: 1400, height: 900 } });
  try {
    const page = await context.newPage();
    let bytes = 0;
    const session = await context.newCDPSession(page);
    await session.send("Network.enable");
    session.on("Network.loadingFinished", ({ encodedDataLength }) => {
      bytes += encodedDataLength;
    });
    const started = performance.now();
    await page.goto(url, { waitUntil: "commit" });
    await new Viewport(page).waitForImage(180_000);
    return { seconds: (performance.now() - started) / 1000, megabytes: bytes / 1e6 };
  } finally {
    await context.close();
  }
}

async function run(contenders: readonly Contender[]): Promise<ReadonlyMap<string, readonly ColdStart[]>> {
  const results = new Map<string, ColdStart[]>(contenders.map(({ name }) => [name, []]));
  for (let round = -1; round < rounds; round += 1) {
    // The order turns, so that no side always runs first; the first round warms up the disk and is not counted.
    const turn = Math.max(0, round) % contenders.length;
    for (const { name, url } of [...contenders.slice(turn), ...contenders.slice(0, turn)]) {
      // A browser of its own for each start: nothing compiled or cached carries over.
      const browser = await launchBrowser();
      try {
        const result = await measure(browser, url);
        if (round >= 0) results.get(name)?.push(result);
        process.stdout.write(
          `${round < 0 ? "warm-up" : `round ${round + 1}`}  ${name}: ${result.seconds.toFixed(2)} s\n`,
        );
      } finally {
        await browser.close();
      }
    }
  }
  return results;
}

const servers: ViewerServer[] = [];
try {
  await buildViewer({ log: (message) => process.stdout.write(`${message}\n`) });
  const { handler } = await openFolderSource({ folder: options.folder, storeDirectory: defaultLayout.demoStore });
  const serve = async (web: string): Promise<string> => {
    const server = await startViewerServer({ web, dicomweb: handler, port: 0, host: "127.0.0.1" });
    servers.push(server);
    return server.url;
  };
  const [ours, stock] = [await serve(defaultLayout.web), await serve(await assembleStock())];
  const [uid] = await studyUids(`${ours}/dicom-web`);
  if (uid === undefined) throw new Error(`There is no study in ${options.folder}.`);
  const results = await run([
    { name: "SAM Refine", url: `${ours}/samrefine?StudyInstanceUIDs=${uid}` },
    { name: "OHIF segmentation mode", url: `${stock}/segmentation?StudyInstanceUIDs=${uid}` },
    { name: "OHIF basic viewer", url: `${stock}/viewer?StudyInstanceUIDs=${uid}` },
  ]);
  const of = (name: string, key: keyof ColdStart): readonly number[] =>
    (results.get(name) ?? []).map((one) => one[key]);
  const rows = ["OHIF segmentation mode", "OHIF basic viewer"].flatMap((name) => [
    compare(`cold start to first image, against ${name}`, "s", of("SAM Refine", "seconds"), of(name, "seconds")),
    compare(`sent until first image, against ${name}`, "MB", of("SAM Refine", "megabytes"), of(name, "megabytes")),
  ]);
  printTable(rows);
  if (options.json !== undefined) await writeReport(options.json, "viewer", { rows });
} finally {
  await Promise.all(servers.map((server) => server.close()));
}
