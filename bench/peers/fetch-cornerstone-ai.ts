import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

export const cornerstoneAiVersion = "4.19.0";
const sha512 =
  "05621bbd40cbce6074484661bc59a1ae11845dd5e9959918e6a1147d70ac6d572b52cf4ab0eac5af12f34c24674d39c85fe61b69df4aa195abc084a698c2373d";

/**
 * The published package alone, without the viewer that it belongs to, in a folder of its own.
 * @returns path of its `ONNXSegmentationController.js`.
 */
export async function fetchCornerstoneAi(cache: string): Promise<string> {
  const folder = join(cache, `cornerstone-ai-${cornerstoneAiVersion}`);
  const controller = join(folder, "package", "dist", "esm", "ONNXSegmentationController.js");
  if (await stat(controller).catch(() => undefined)) return controller;
  await mkdir(folder, { recursive: true });
  await run("npm", ["pack", `@cornerstonejs/ai@${cornerstoneAiVersion}`, "--pack-destination", folder]);
  const tarball = join(folder, `cornerstonejs-ai-${cornerstoneAiVersion}.tgz`);
  const found = createHash("sha512")
    .update(await readFile(tarball))
    .digest("hex");
  if (found !== sha512) throw new Error(`${tarball} is another file than this benchmark was written for.`);
  await run("tar", ["-xzf", tarball, "-C", folder]);
  return controller;
}
