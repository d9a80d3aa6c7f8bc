import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { readNifti } from "@samrefine/formats";
import { expect, test } from "vitest";
import { runCommand } from "../testing/run-command.ts";

const series = join(process.env.SAMREFINE_DATA ?? "", "dicom", "hippocampus_mr");
const isThere = (process.env.SAMREFINE_DATA ?? "") !== "" && existsSync(series);
if (!isThere) console.warn("Skipped: the real data is not there (dicom/hippocampus_mr); set SAMREFINE_DATA.");

// A validation case. The network learned from NIfTI files, whose slices are stored the other way up than DICOM's.
test.skipIf(!isThere)(
  "the hippocampus of a DICOM series is found where a person drew it",
  { timeout: 120_000 },
  async () => {
    const folder = await mkdtemp(join(tmpdir(), "samrefine-real-"));
    try {
      const study = join(series, "hippocampus_042");
      const model = fileURLToPath(new URL("../../../../models/unet-hippocampus/manifest.json", import.meta.url));
      const found = join(folder, "found.dcm");
      const drawn = join(series, "seg", "hippocampus_042_groundtruth_seg.dcm");
      expect(await runCommand(["segment", "--study", study, "--model", model, "--out", found])).toMatchObject({
        exitCode: 0,
      });
      const [ours, reference] = [await labelsOf(found, study, folder), await labelsOf(drawn, study, folder)];
      for (const label of [1, 2]) expect(diceOf(ours, reference, label)).toBeGreaterThan(0.75);
    } finally {
      await rm(folder, { recursive: true });
    }
  },
);

async function labelsOf(seg: string, study: string, folder: string): Promise<ArrayLike<number>> {
  const labelMap = join(folder, "labels.nii.gz");
  const words = ["export", "--from", seg, "--source", study, "--to", labelMap, "--on-overlap", "lowest-number"];
  expect(await runCommand(words)).toMatchObject({ exitCode: 0 });
  return readNifti(await readFile(labelMap)).volume.data;
}

function diceOf(a: ArrayLike<number>, b: ArrayLike<number>, label: number): number {
  expect(a.length).toBe(b.length);
  let [shared, sum] = [0, 0];
  for (let i = 0; i < a.length; i++) {
    sum += Number(a[i] === label) + Number(b[i] === label);
    shared += Number(a[i] === label && b[i] === label);
  }
  return (2 * shared) / sum;
}
