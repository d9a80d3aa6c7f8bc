// npm run property:dicom [-- --runs 100000] [--seed 1]: writes and reads random segmentations over random geometries.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const { values } = parseArgs({
  options: { runs: { type: "string", default: "100000" }, seed: { type: "string" } },
});
const root = fileURLToPath(new URL("../..", import.meta.url));
const seed = values.seed ?? String(Date.now() % 2 ** 31);
console.log(`${values.runs} cases, seed ${seed}`);
const { status } = spawnSync(
  process.execPath,
  [
    join(root, "node_modules/vitest/vitest.mjs"),
    "run",
    "packages/dicom/src/seg/round-trip.test.ts",
    "-t",
    "the same voxels in the same place",
  ],
  {
    cwd: root,
    stdio: "inherit",
    env: { ...process.env, SAMREFINE_PROPERTY_RUNS: values.runs, SAMREFINE_PROPERTY_SEED: seed },
  },
);
process.exit(status ?? 1);
