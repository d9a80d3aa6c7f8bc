import { basename, dirname, isAbsolute, join, relative } from "node:path";

/**
 * A path for a report that others read: as it was given, but nothing of this machine's folders. An absolute path is shown
 * from the current folder where it lies inside, otherwise by its own name and its folder's, e.g. `unet-tooth/manifest.json`.
 */
export function shownPath(path: string): string {
  if (!isAbsolute(path)) return path;
  const fromHere = relative(process.cwd(), path);
  const isInside = fromHere !== "" && !fromHere.startsWith("..") && !isAbsolute(fromHere);
  return isInside ? fromHere : join(basename(dirname(path)), basename(path));
}
