import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isRefineError, type RefineError } from "@samrefine/core";
import { readNifti, writeNifti } from "@samrefine/formats";
import sharp from "sharp";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openDataset } from "./open-dataset.ts";
import { writeLabelMap } from "./write-case.ts";

const description = {
  channel_names: { 0: "radiograph" },
  labels: { background: 0, tooth: 1, crown: 2 },
  file_ending: ".png",
  numTraining: 2,
};

const manyLabels = Object.fromEntries(Array.from({ length: 257 }, (_, n) => [n === 0 ? "background" : `c${n}`, n]));

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "samrefine-dataset-"));
  for (const folder of ["imagesTr", "labelsTr", "imagesTs", "labelsTs"]) await mkdir(join(root, folder));
  await json("dataset.json", description);
  await png("imagesTr/a_0000.png", 4, [0, 10, 20, 30, 40, 50, 60, 70]);
  await png("labelsTr/a.png", 4, [0, 1, 2, 0, 0, 0, 1, 1]);
  await png("imagesTr/b_0000.png", 4, [1, 2, 3, 4, 5, 6, 7, 8]);
  await png("imagesTs/c_0000.png", 2, [9, 8]);
  await png("labelsTs/c.png", 2, [2, 0]);
  await json("split.json", { labeled: ["a"], unlabeled: ["b"], val: ["c"] });
});
afterEach(() => rm(root, { recursive: true }));

const json = (name: string, value: unknown) => writeFile(join(root, name), JSON.stringify(value));
async function png(name: string, columns: number, values: readonly number[]): Promise<void> {
  const raw = { width: columns, height: values.length / columns, channels: 1 as const };
  await sharp(Uint8Array.from(values), { raw }).toColourspace("b-w").png().toFile(join(root, name));
}
async function failure(promise: Promise<unknown>): Promise<RefineError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!isRefineError(error, "dataset")) throw new Error(`expected a dataset error, got ${String(error)}`);
  return error;
}

describe("openDataset", () => {
  test("reads images, labels and the split from Tr and Ts folders", async () => {
    const dataset = await openDataset(root);
    expect(dataset).toMatchObject({ channelName: "radiograph", dimension: 2, ignoreLabel: undefined });
    expect(dataset.labels).toEqual([
      { name: "tooth", value: 1 },
      { name: "crown", value: 2 },
    ]);
    expect(dataset.caseIds("val")).toEqual(["c"]);
    expect(dataset.allCaseIds).toEqual(["a", "b", "c"]);
    const image = await dataset.readCase("a");
    expect(image.hasSpacing).toBe(false);
    expect(image.geometry.size).toEqual([4, 2, 1]);
    expect([...image.slices[0]!.data]).toEqual([0, 10, 20, 30, 40, 50, 60, 70]);
    expect([...(await dataset.readLabels("a")).slices[0]!]).toEqual([0, 1, 2, 0, 0, 0, 1, 1]);
    expect([...(await dataset.readLabels("c")).slices[0]!]).toEqual([2, 0]);
  });

  test("keeps 16 bits and turns colour into luma", async () => {
    const deep = Uint16Array.of(0, 300, 40000, 65535);
    const raw = { width: 4, height: 1, channels: 1 as const };
    await sharp(deep, { raw }).toColourspace("grey16").png().toFile(join(root, "imagesTr/deep_0000.png"));
    const colour = Uint8Array.of(255, 0, 0, 10, 10, 10);
    await sharp(colour, { raw: { width: 2, height: 1, channels: 3 } })
      .png()
      .toFile(join(root, "imagesTr/colour_0000.png"));
    const dataset = await openDataset(root);
    expect((await dataset.readCase("deep")).slices[0]!.data).toEqual(deep);
    expect([...(await dataset.readCase("colour")).slices[0]!.data]).toEqual([76, 10]);
  });

  test("the ignore label is not a class", async () => {
    await json("dataset.json", { ...description, labels: { background: 0, tooth: 1, ignore: 2 } });
    const dataset = await openDataset(root);
    expect(dataset.labels).toEqual([{ name: "tooth", value: 1 }]);
    expect(dataset.ignoreLabel).toBe(2);
    expect([...(await dataset.readLabels("a")).slices[0]!]).toContain(2);
  });

  test("without split.json the folders decide", async () => {
    await rm(join(root, "split.json"));
    const dataset = await openDataset(root);
    expect((["labeled", "unlabeled", "val", "test"] as const).map((name) => dataset.caseIds(name))).toEqual([
      ["a"],
      ["b"],
      [],
      ["c"],
    ]);
  });
});

describe("bad data sets are named", () => {
  test.each([
    ["gap in labels", { ...description, labels: { background: 0, tooth: 1, crown: 3 } }, /crown.*3/],
    ["ignore not highest", { ...description, labels: { background: 0, ignore: 1, tooth: 2 } }, /ignore.*1/],
    ["no background", { ...description, labels: { tooth: 1 } }, /background/],
    ["region", { ...description, labels: { background: 0, whole: [1, 2] } }, /region/],
    ["too many labels", { ...description, labels: manyLabels }, /257 labels/],
    ["two channels", { ...description, channel_names: { 0: "T1", 1: "T2" } }, /2 channels/],
    ["unknown ending", { ...description, file_ending: ".tif" }, /\.tif/],
  ])("dataset.json: %s", async (_, value, message) => {
    await json("dataset.json", value);
    expect((await failure(openDataset(root))).message).toMatch(message);
  });

  test("split: unknown case, overlap of what teaches and what measures, a case twice", async () => {
    await json("split.json", { labeled: ["a", "ghost"] });
    expect(await failure(openDataset(root))).toMatchObject({ details: { caseId: "ghost" } });
    await json("split.json", { labeled: ["a"], val: ["a", "c"] });
    expect((await failure(openDataset(root))).message).toMatch(/case a in both "labeled" and "val"/);
    await json("split.json", { labeled: ["a", "a"] });
    expect((await failure(openDataset(root))).message).toMatch(/twice/);
  });

  test("a given split that is not there", async () => {
    await expect(openDataset(root, { split: join(root, "none.json") })).rejects.toMatchObject({
      code: "configuration",
      message: expect.stringContaining("none.json"),
    });
  });

  test("missing image, missing label, unknown case", async () => {
    await png("labelsTr/d.png", 2, [0, 1]);
    const dataset = await openDataset(root);
    expect((await failure(dataset.readCase("d"))).message).toMatch(/Case d has a label map but no image/);
    expect((await failure(dataset.readLabels("b"))).message).toMatch(/Case b has no label map/);
    expect((await failure(dataset.readCase("zzz"))).message).toMatch(/no case zzz/);
  });

  test("other size, value outside dataset.json, damaged and empty file", async () => {
    await png("labelsTr/b.png", 2, [0, 1, 1, 0]);
    expect((await failure((await openDataset(root)).readLabels("b"))).message).toMatch(/2 x 2 x 1.*4 x 2 x 1/);
    await png("labelsTr/a.png", 4, [0, 1, 9, 0, 0, 0, 1, 1]);
    expect((await failure((await openDataset(root)).readLabels("a"))).message).toMatch(/case a.*value 9.*0 to 2/);
    await writeFile(join(root, "imagesTr/a_0000.png"), "not a PNG");
    expect((await failure((await openDataset(root)).readCase("a"))).message).toMatch(/Case a: a_0000\.png/);
    await writeFile(join(root, "labelsTr/a.png"), "");
    expect((await failure((await openDataset(root)).readLabels("a"))).message).toMatch(/Case a: a\.png/);
  });

  test("palette label maps are refused, because their numbers are not labels", async () => {
    const colours = Uint8Array.of(255, 0, 0, 0, 255, 0, 0, 0, 255, 9, 9, 9);
    await sharp(colours, { raw: { width: 4, height: 1, channels: 3 } })
      .png({ palette: true })
      .toFile(join(root, "labelsTr/a.png"));
    expect((await failure((await openDataset(root)).readLabels("a"))).message).toMatch(/palette/);
  });
});

describe("a volume whose file counts to the right and to anterior, as NIfTI mostly does", () => {
  const geometry = {
    size: [2, 2, 2] as const,
    indexToPatient: [-1, 0, 0, 5, 0, -1, 0, 7, 0, 0, 3, 9, 0, 0, 0, 1] as const,
  };
  const labels = Uint8Array.of(0, 1, 2, 0, 0, 2, 1, 1);
  const nifti = (name: string, data: Uint8Array | Int16Array) =>
    writeFile(join(root, name), writeNifti({ geometry, data }));
  beforeEach(async () => {
    await json("dataset.json", { ...description, file_ending: ".nii.gz" });
    await nifti("imagesTr/a_0000.nii.gz", Int16Array.of(1, 2, 3, 4, 5, 6, 7, 8));
    await nifti("labelsTr/a.nii.gz", labels);
    await nifti("imagesTr/b_0000.nii.gz", Int16Array.of(1, 2, 3, 4, 5, 6, 7, 8));
    await nifti("imagesTs/c_0000.nii.gz", Int16Array.of(1, 2, 3, 4, 5, 6, 7, 8));
  });

  test("is read the way up that a viewer shows it, its labels alike", async () => {
    const dataset = await openDataset(root);
    const image = await dataset.readCase("a");
    expect(image.slices.map(({ data }) => [...data])).toEqual([
      [4, 3, 2, 1],
      [8, 7, 6, 5],
    ]);
    expect(image.geometry.indexToPatient).toEqual([1, 0, 0, 4, 0, 1, 0, 6, 0, 0, 3, 9, 0, 0, 0, 1]);
    const { slices } = await dataset.readLabels("a");
    expect(slices.map((slice) => [...slice])).toEqual([
      [0, 2, 1, 0],
      [1, 1, 2, 0],
    ]);
  });

  test("gets its label maps in the order of its own file", async () => {
    const dataset = await openDataset(root);
    const { slices } = await dataset.readLabels("a");
    const path = await writeLabelMap(dataset, await dataset.readCase("a"), slices, join(root, "out"));
    const { volume } = readNifti(await readFile(path));
    expect([...volume.data]).toEqual([...labels]);
    expect(volume.geometry.indexToPatient).toEqual(geometry.indexToPatient);
  });
});
