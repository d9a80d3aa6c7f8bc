import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { readPart10, textOf } from "@samrefine/dicom";
import type { MadeStudy } from "./made-studies.ts";

/** A folder of studies for one server, deleted at the end. */
export interface StudyFolder {
  readonly path: string;
  /** Copies a file or a folder of files. */
  add(source: string): Promise<void>;
  write(study: MadeStudy): Promise<void>;
  remove(): Promise<void>;
}

export async function createStudyFolder(): Promise<StudyFolder> {
  const path = await mkdtemp(join(tmpdir(), "samrefine-studies-"));
  return {
    path,
    add: (source) => cp(source, join(path, basename(source)), { recursive: true }),
    write: async ({ studyUid, files }) => {
      const folder = join(path, studyUid);
      await mkdir(folder, { recursive: true });
      for (const [index, file] of files.entries()) await writeFile(join(folder, `${index + 1}.dcm`), file);
    },
    remove: () => rm(path, { recursive: true, force: true }),
  };
}

/** Study Instance UID of a DICOM file, or of the first one in a folder. */
export async function studyUidOf(path: string): Promise<string> {
  const names = await readdir(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOTDIR") return undefined;
    throw error;
  });
  const file = names === undefined ? path : join(path, names.toSorted()[0] ?? "");
  const uid = textOf(readPart10(await readFile(file)).dataset, "StudyInstanceUID");
  if (uid === undefined) throw new Error(`${file} names no study.`);
  return uid;
}
