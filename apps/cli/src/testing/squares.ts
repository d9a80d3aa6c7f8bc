import { join } from "node:path";
import { writeJson, writeOutput } from "../command-context.ts";
import { encodeGreyPng } from "../dataset/write-case.ts";

/** Four 32 x 32 images of a bright square: two labelled, one unlabelled, one for validation. */
export async function writeSquares(directory: string): Promise<void> {
  const ids = ["a", "b", "c", "d"];
  for (const [index, id] of ids.entries()) {
    const isInside = (pixel: number): boolean =>
      pixel % 32 > 8 + index && pixel % 32 < 24 && pixel > 256 && pixel < 768;
    const image = Uint8Array.from({ length: 1024 }, (_, pixel) => (isInside(pixel) ? 200 : 40) + (pixel % 7));
    const labels = Uint8Array.from({ length: 1024 }, (_, pixel) => (isInside(pixel) ? 1 : 0));
    const size = { columns: 32, rows: 32 };
    await writeOutput(join(directory, "imagesTr", `${id}_0000.png`), await encodeGreyPng(image, size));
    await writeOutput(join(directory, "labelsTr", `${id}.png`), await encodeGreyPng(labels, size));
  }
  await writeJson(join(directory, "dataset.json"), {
    name: "squares",
    channel_names: { 0: "radiograph" },
    labels: { background: 0, square: 1 },
    numTraining: 4,
    file_ending: ".png",
  });
  await writeJson(join(directory, "split.json"), { labeled: ["a", "b"], unlabeled: ["c"], val: ["d"] });
}
