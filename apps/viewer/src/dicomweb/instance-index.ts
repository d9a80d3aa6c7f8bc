import { opendir } from "node:fs/promises";
import { join } from "node:path";
import { isRefineError } from "@samrefine/core";
import { firstText, type JsonDataSet } from "./dicom-json.ts";
import { headerAsJson, type PixelDataLocation, readPart10Header } from "./part10-file.ts";
import { indexedTags } from "./query-attributes.ts";

/** One file of the served folders: where it lies and what queries ask for. Everything else is read again when needed. */
export interface IndexedInstance {
  readonly path: string;
  readonly fileBytes: number;
  readonly studyUid: string;
  readonly seriesUid: string;
  readonly sopUid: string;
  readonly sopClassUid: string;
  readonly transferSyntaxUid: string;
  readonly pixelData: PixelDataLocation | undefined;
  /** The attributes of query-attributes.ts that the file has. */
  readonly attributes: JsonDataSet;
}

export interface ScanReport {
  readonly indexed: number;
  /** Files that are not DICOM. */
  readonly otherFiles: number;
  /** Files that start as DICOM and cannot be read or lack a UID. */
  readonly damagedFiles: number;
  /** Second and further files of one SOP instance. */
  readonly duplicates: number;
}

const parallelReads = 8;
const uidPattern = /^[0-9.]{1,64}$/;

/** True for text that may be a UID (PS3.5 9.1), and so for text that is safe as a file name. */
export function isUid(text: string | undefined): text is string {
  return text !== undefined && uidPattern.test(text);
}

/** Reads what the index keeps of one file; undefined when it is not DICOM, `"damaged"` when it cannot serve. */
export async function indexFile(path: string): Promise<IndexedInstance | "damaged" | undefined> {
  let header: Awaited<ReturnType<typeof readPart10Header>>;
  try {
    header = await readPart10Header(path);
  } catch (error) {
    if (isRefineError(error, "unsupported-dicom")) return "damaged";
    throw error;
  }
  if (header === undefined) return undefined;
  const json = headerAsJson(header, { inlineLimitBytes: 0, bulkDataUri: () => "" });
  const [studyUid, seriesUid, sopUid] = ["0020000D", "0020000E", "00080018"].map((tag) => firstText(json, tag));
  if (!isUid(studyUid) || !isUid(seriesUid) || !isUid(sopUid)) {
    // A DICOMDIR has no study of its own and is no damage.
    return firstText(json, "00080016") === undefined && json["00041220"] !== undefined ? undefined : "damaged";
  }
  return {
    path,
    fileBytes: header.fileBytes,
    studyUid,
    seriesUid,
    sopUid,
    sopClassUid: firstText(json, "00080016") ?? "",
    transferSyntaxUid: header.transferSyntaxUid,
    pixelData: header.pixelData,
    attributes: Object.fromEntries(Object.entries(json).filter(([tag]) => indexedTags.has(tag))),
  };
}

/** All instances of the served folders, by study and series, in the order of their numbers. */
export class InstanceIndex {
  readonly #instances = new Map<string, IndexedInstance>();
  readonly #studies = new Map<string, Map<string, Set<string>>>();

  /** Adds every DICOM file of a folder and its sub-folders. Links are not followed. */
  async addFolder(directory: string, signal?: AbortSignal): Promise<ScanReport> {
    let [indexed, otherFiles, damagedFiles, duplicates] = [0, 0, 0, 0];
    const paths = filesOf(directory);
    const worker = async (): Promise<void> => {
      for await (const path of paths) {
        signal?.throwIfAborted();
        const instance = await indexFile(path);
        if (instance === undefined) otherFiles += 1;
        else if (instance === "damaged") damagedFiles += 1;
        else if (this.add(instance)) indexed += 1;
        else duplicates += 1;
      }
    };
    await Promise.all(Array.from({ length: parallelReads }, worker));
    return { indexed, otherFiles, damagedFiles, duplicates };
  }

  /** @returns false when the SOP instance is known already; the index is then unchanged */
  add(instance: IndexedInstance): boolean {
    if (this.#instances.has(instance.sopUid)) return false;
    this.#instances.set(instance.sopUid, instance);
    const study = this.#studies.get(instance.studyUid) ?? new Map<string, Set<string>>();
    this.#studies.set(instance.studyUid, study);
    const series = study.get(instance.seriesUid) ?? new Set<string>();
    study.set(instance.seriesUid, series);
    series.add(instance.sopUid);
    return true;
  }

  /** Takes back an {@link add} whose file could not be put in place. */
  remove(instance: IndexedInstance): void {
    const study = this.#studies.get(instance.studyUid);
    const series = study?.get(instance.seriesUid);
    this.#instances.delete(instance.sopUid);
    series?.delete(instance.sopUid);
    if (series?.size === 0) study?.delete(instance.seriesUid);
    if (study?.size === 0) this.#studies.delete(instance.studyUid);
  }

  get size(): number {
    return this.#instances.size;
  }

  get studyUids(): readonly string[] {
    return [...this.#studies.keys()];
  }

  /** Series of a study by their numbers, so that derived series such as segmentations come after their images. */
  seriesUids(studyUid: string): readonly string[] {
    const series = [...(this.#studies.get(studyUid) ?? [])].map(([uid, sopUids]) => {
      const [first = ""] = sopUids;
      return { uid, number: numberOf(this.#instances.get(first), seriesNumberTag) };
    });
    return series.sort((a, b) => a.number - b.number).map(({ uid }) => uid);
  }

  /** The instance, when it lies where the address says. */
  find(sopUid: string, studyUid?: string, seriesUid?: string): IndexedInstance | undefined {
    const instance = this.#instances.get(sopUid);
    if (instance === undefined) return undefined;
    if (studyUid !== undefined && instance.studyUid !== studyUid) return undefined;
    if (seriesUid !== undefined && instance.seriesUid !== seriesUid) return undefined;
    return instance;
  }

  /** Instances of a study, or of one of its series, by series number and instance number. */
  instancesOf(studyUid: string, seriesUid?: string): readonly IndexedInstance[] {
    const wanted = seriesUid === undefined ? this.seriesUids(studyUid) : [seriesUid];
    return wanted.flatMap((uid) => this.#instancesOfSeries(studyUid, uid));
  }

  #instancesOfSeries(studyUid: string, seriesUid: string): readonly IndexedInstance[] {
    const sopUids = this.#studies.get(studyUid)?.get(seriesUid) ?? [];
    return [...sopUids]
      .flatMap((uid) => this.#instances.get(uid) ?? [])
      .sort((a, b) => numberOf(a, instanceNumberTag) - numberOf(b, instanceNumberTag));
  }
}

const seriesNumberTag = "00200011";
const instanceNumberTag = "00200013";

function numberOf(instance: IndexedInstance | undefined, tag: string): number {
  return Number(instance?.attributes[tag]?.Value?.[0] ?? 0);
}

async function* filesOf(directory: string): AsyncGenerator<string> {
  for await (const entry of await opendir(directory)) {
    // Hidden folders are version control, caches and our own unfinished uploads.
    if (entry.name.startsWith(".")) continue;
    const path = join(directory, entry.name);
    if (entry.isDirectory()) yield* filesOf(path);
    else if (entry.isFile()) yield path;
  }
}
