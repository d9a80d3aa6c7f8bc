import { link, mkdir, readdir, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { abdominalCtStudyFiles } from "@samrefine/phantoms";
import { defaultLayout } from "@samrefine/viewer/locations";

const most = 200;
/** Beyond the seeds of the demo, so that no network was trained on it. */
const seed = 9101;

/**
 * A folder with the middle `slices` images (at most 200) of one drawn abdominal CT, 512 x 512, so that runs of different length
 * see the same kind of image. Drawn once, which takes minutes, and kept in the viewer's cache.
 */
export async function madeCtSeries(slices: number): Promise<string> {
  const whole = await drawnSeries();
  const target = join(defaultLayout.cache, `bench-ct-${slices}`);
  await rm(target, { recursive: true, force: true });
  await mkdir(target, { recursive: true });
  const names = (await readdir(whole)).filter((name) => name.endsWith(".dcm")).toSorted();
  const start = Math.floor((names.length - slices) / 2);
  for (const name of names.slice(start, start + slices)) await link(join(whole, name), join(target, name));
  return target;
}

async function drawnSeries(): Promise<string> {
  const folder = join(defaultLayout.cache, "bench-ct");
  if (await stat(join(folder, ".done")).catch(() => undefined)) return folder;
  process.stdout.write(`Drawing ${most} slices of CT, once; this takes minutes ...\n`);
  await mkdir(folder, { recursive: true });
  for (const [index, file] of abdominalCtStudyFiles({ seed, slices: most }).entries()) {
    await writeFile(join(folder, `${String(index + 1).padStart(3, "0")}.dcm`), file);
  }
  await writeFile(join(folder, ".done"), "");
  return folder;
}
