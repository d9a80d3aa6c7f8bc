import { existsSync } from "node:fs";
import { join } from "node:path";

/**
 * Folder of real DICOM files, e.g. `teeth_dx`; undefined, with a printed reason, where the data does not lie beside the
 * repository. Real images never enter the repository.
 */
export function realDicomFolder(name: string): string | undefined {
  const data = process.env.SAMREFINE_DATA;
  const folder = data === undefined || data === "" ? undefined : join(data, "dicom", name);
  if (folder !== undefined && existsSync(folder)) return folder;
  console.warn(`Skipped: the real data set ${name} is not there (SAMREFINE_DATA).`);
  return undefined;
}
