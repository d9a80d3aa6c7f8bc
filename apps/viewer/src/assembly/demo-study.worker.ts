import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { workerData } from "node:worker_threads";
import { abdominalCtStudyFiles, handStudyFiles } from "@samrefine/phantoms";

/** One study to draw and where to write it. */
export type DemoStudy =
  | {
      readonly kind: "hand";
      readonly folder: string;
      readonly seed: number;
      readonly laterality: "left" | "right";
      readonly images: number;
    }
  | { readonly kind: "abdomen"; readonly folder: string; readonly seed: number };

const study = workerData as DemoStudy;
const files = study.kind === "hand" ? handStudyFiles(study) : abdominalCtStudyFiles(study);
await mkdir(study.folder, { recursive: true });
for (const [index, file] of files.entries()) {
  await writeFile(join(study.folder, `${String(index + 1).padStart(3, "0")}.dcm`), file);
}
