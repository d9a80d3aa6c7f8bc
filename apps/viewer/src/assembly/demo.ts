import { rm } from "node:fs/promises";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { repositoryDirectory } from "../locations.ts";
import type { DemoStudy } from "./demo-study.worker.ts";

/** Everything that shapes the files. */
export const demoSources: readonly string[] = [
  join("phantoms", "src"),
  join("dicom", "src", "dataset"),
  join("dicom", "src", "part10.ts"),
].map((path) => join(repositoryDirectory, "packages", path));

/** From here on seeds belong to the demo: networks are trained on lower ones, so that they meet the demo unseen. */
const firstDemoSeed = 9001;

/** Left hands only: the network of the demo was trained on left hands, as in methods that mirror right ones. */
const studies: readonly DemoStudy[] = [
  { folder: "hand-1", kind: "hand", seed: firstDemoSeed, laterality: "left", images: 4 },
  { folder: "hand-2", kind: "hand", seed: firstDemoSeed + 1, laterality: "left", images: 2 },
  { folder: "abdomen", kind: "abdomen", seed: firstDemoSeed + 2 },
];

/**
 * Writes the demo studies, the same bytes each time: hand radiographs of two people and an abdominal CT. Each is drawn by
 * a worker of its own, since drawing takes tens of seconds.
 */
export async function assembleDemo(target: string): Promise<void> {
  await rm(target, { recursive: true, force: true });
  await Promise.all(studies.map((study) => drawStudy({ ...study, folder: join(target, study.folder) })));
}

function drawStudy(study: DemoStudy): Promise<void> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL("./demo-study.worker.ts", import.meta.url), { workerData: study });
    worker.once("error", reject);
    worker.once("exit", (status) => {
      if (status === 0) resolve();
      else reject(new Error(`Drawing ${study.folder} ended with status ${status}.`));
    });
  });
}
