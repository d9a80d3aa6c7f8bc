// What refinement spends outside SAM's sessions: the plan `ours` on a drawn radiograph of 1024 x 1024 with 17 bones that the
// shipped U-Net proposes, MobileSAM on one native thread. Run: npm run bench:refine [-- --quick --json FILE].
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import {
  type Image2D,
  type ImageGeometry,
  presetPlan,
  refine,
  resizeBilinear,
  resolveIntensity,
} from "@samrefine/core";
import { createNodeEngine, prepareDefaultSam } from "@samrefine/inference/node";
import { parseManifest } from "@samrefine/models";
import { handRadiographPhantom } from "@samrefine/phantoms";
import { printTable, spread, writeReport } from "./harness.ts";

const { values } = parseArgs({
  options: { json: { type: "string" }, quick: { type: "boolean", default: false } },
});
const rounds = values.quick ? 2 : 7;
const side = 1024;
const classes = 17;

const drawn = handRadiographPhantom({ seed: 11, spacingMm: 0.3 }).image;
const geometry: ImageGeometry = { columns: side, rows: side };
const image: Image2D = { geometry, channels: 1, data: resizeBilinear(drawn.data, drawn.geometry, geometry) };
const displayRange = { lower: 0, upper: 4095 };

const modelPath = fileURLToPath(new URL("../models/unet-phantom-hand/manifest.json", import.meta.url));
const manifest = parseManifest(JSON.parse(await readFile(modelPath, "utf8")), modelPath);
if (manifest.task !== "semantic-segmentation") throw new Error(`${modelPath} is not the manifest of a U-Net.`);
const sam = await prepareDefaultSam(join(tmpdir(), "samrefine-bench-sam"));
const engine = await createNodeEngine({ threads: 1, cacheBytes: 0 });
try {
  const network = await engine.loadSegmenter(manifest, modelPath);
  const segmenter = await engine.loadPromptable(sam.manifest, sam.manifestPath);
  const proposed = await network.segment(image, { intensity: resolveIntensity(manifest.intensity, [image.data]) });
  const initial = { ...proposed, segments: proposed.segments.slice(0, classes) };
  const present = initial.segments.filter(({ mask }) => mask.data.includes(1)).length;

  const rows = [];
  const forms = [
    { what: "masks", probabilities: false, reads: false },
    { what: "with probabilities", probabilities: true, reads: false },
    // They are made when they are first read, which a fractional SEG does for all classes.
    { what: "all probabilities read", probabilities: true, reads: true },
  ];
  for (const { what, probabilities, reads } of forms) {
    const shares: { readonly outside: number; readonly input: number; readonly total: number }[] = [];
    // Two rounds ahead, after which the engine has optimised what it runs.
    for (let round = -2; round < rounds; round++) {
      const before = await engine.stats();
      const start = performance.now();
      const { stack } = await refine(image, initial, presetPlan("ours"), segmenter, { displayRange, probabilities });
      if (reads && stack.segments.some(({ probability }) => probability === undefined))
        throw new Error("No probability.");
      const total = performance.now() - start;
      const { runMs, encoderInputMs } = await engine.stats();
      const inSessions = runMs.encoder + runMs.decoder - before.runMs.encoder - before.runMs.decoder;
      if (round < 0) continue;
      shares.push({ outside: total - inSessions, input: encoderInputMs - before.encoderInputMs, total });
    }
    const percent = (pick: (share: (typeof shares)[number]) => number) =>
      spread(shares.map((share) => (100 * pick(share)) / share.total));
    rows.push(
      { what: `${what}: outside of SAM's sessions`, unit: "% of refine", ...percent(({ outside }) => outside) },
      { what: `${what}: of that, SAM's input image`, unit: "% of refine", ...percent(({ input }) => input) },
      { what: `${what}: refine`, unit: "ms", ...spread(shares.map(({ total }) => total)) },
    );
  }
  process.stdout.write(`${side} x ${side}, ${present} of ${classes} classes present, plan ours\n`);
  printTable(rows);
  if (values.json !== undefined) await writeReport(values.json, "refine", { threads: 1, rows });
} finally {
  await engine.dispose();
}
