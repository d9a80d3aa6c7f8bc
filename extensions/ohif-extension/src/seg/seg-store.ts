import { isRefineError } from "@samrefine/core";
import { SEGMENTATION_STORAGE } from "@samrefine/dicom";
import type { OhifHost } from "../host/ohif-host.ts";
import type { SegmentationRecord } from "../labelmap/segmentation-record.ts";
import { VERSION } from "../names.ts";
import type { SeriesSource } from "../series/series-source.ts";
import { archiveOf, listInStudy, loadArchiveClient } from "./archive.ts";
import { buildSegJob } from "./build-job.ts";
import { LABEL_FILE_ENDING, type LabelFormat } from "./label-file.ts";
import type { NamedFile } from "./save-files.ts";
import { compareSegInWorker, writeLabelsInWorker, writeSegInWorker } from "./seg-in-worker.ts";
import type { SegJob, WrittenSeg } from "./seg-job.ts";
import type { SegRemarks } from "./seg-remarks.ts";
import { segFileName, type WaitingSegs } from "./waiting-segs.ts";

/** Layout of a data set to train on: nnU-Net v2 raw, or the Medical Segmentation Decathlon. */
export type TrainingSetFormat = "nnunet" | "msd";

/** One file per series. */
export type FileFormat = "dicom-seg" | LabelFormat;

/** What a download is. */
export type DownloadFormat = FileFormat | TrainingSetFormat;

export interface SegDeliveryRequest {
  readonly series: SeriesSource;
  readonly record: SegmentationRecord;
  /** Id and version of the network that proposed; undefined when none did. */
  readonly networkName: string | undefined;
  readonly promptableName: string | undefined;
  readonly planAsksPromptable: boolean;
  readonly signal: AbortSignal;
}

/** What a SEG was written from: the same bytes serve again while it is the same. */
interface SegContent {
  /** Of the record. */
  readonly revision: number;
  readonly remarks: SegRemarks;
}

interface PreparedSeg extends SegContent {
  readonly job: SegJob;
  readonly written: WrittenSeg;
}

/** SEGs that were handed over, and what to say of it. */
export interface SegDeliveryReport {
  readonly frameCount: number;
  /** False when the list of series on screen could not be renewed. */
  readonly isListed: boolean;
  /** Frames on other images that only the SEG holds which this one was edited from. */
  readonly framesElsewhere: number;
}

/**
 * Writes SEGs and hands them over. A SEG whose storing failed stays here: stored again it is the same object with the same
 * UIDs, so that an archive that did take it the first time does not hold it twice.
 */
export class SegStore {
  readonly #host: OhifHost;
  readonly #waiting: WaitingSegs;
  remarks: SegRemarks;
  readonly #prepared = new WeakMap<SegmentationRecord, PreparedSeg>();
  /** Written, but not taken by the archive. */
  readonly #unstored = new Set<SegmentationRecord>();
  /** What of the record the archive holds. */
  readonly #stored = new WeakMap<SegmentationRecord, SegContent>();
  /** Revision of the record that the browser keeps for later. */
  readonly #keptRevision = new WeakMap<SegmentationRecord, number>();
  /** SOP Instance UIDs of SEGs of a record that the archive did not take. */
  readonly #refused = new WeakMap<SegmentationRecord, Set<string>>();
  #isReady: Promise<unknown> | undefined;

  constructor(host: OhifHost, waiting: WaitingSegs, remarks: SegRemarks) {
    this.#host = host;
    this.#waiting = waiting;
    this.remarks = remarks;
  }

  /** There is something to store: loads the code for it, as {@link loadArchiveClient} says. */
  makeReady(): void {
    // What goes wrong is said when somebody stores.
    this.#isReady ??= loadArchiveClient().catch(() => undefined);
  }

  /** True when the archive refused or missed this very content. */
  hasUnstored(record: SegmentationRecord): boolean {
    return this.#unstored.has(record) && this.#isCurrent(record, this.#prepared.get(record));
  }

  /** True when the archive holds this very content. */
  isStored(record: SegmentationRecord): boolean {
    return this.#isCurrent(record, this.#stored.get(record));
  }

  /** True when the archive or this browser holds what is drawn, whatever is remarked about it. */
  isSafe(record: SegmentationRecord): boolean {
    const { revision } = record;
    return this.#stored.get(record)?.revision === revision || this.#keptRevision.get(record) === revision;
  }

  #isCurrent(record: SegmentationRecord, content: SegContent | undefined): boolean {
    const { creator, description } = this.remarks;
    return (
      content?.revision === record.revision &&
      content.remarks.creator === creator &&
      content.remarks.description === description
    );
  }

  /**
   * Stores the SEG, reads it back and compares it.
   * @throws RefineError `seg-encoding`, `dicomweb`, `configuration`; the written SEG is kept.
   */
  async store(request: SegDeliveryRequest): Promise<SegDeliveryReport> {
    const { record, series, signal } = request;
    const { job, written, ...content } = await this.#prepare(request);
    signal.throwIfAborted();
    this.#unstored.add(record);
    try {
      await this.#storeAndCompare(job, written, signal);
    } catch (error) {
      if (isRefineError(error) && !signal.aborted && (await this.#waiting.keep(written))) {
        this.#refused.set(record, (this.#refused.get(record) ?? new Set()).add(written.sopInstanceUid));
        this.#keptRevision.set(record, content.revision);
      }
      throw error;
    }
    await this.#waiting.forget(this.#refused.get(record) ?? new Set());
    this.#refused.delete(record);
    this.#unstored.delete(record);
    this.#stored.set(record, content);
    record.predecessor = { sopClassUid: SEGMENTATION_STORAGE, sopInstanceUid: written.sopInstanceUid };
    const isListed = await listInStudy(this.#host, series.displaySet.StudyInstanceUID, written.seriesInstanceUid);
    return { frameCount: written.frameCount, isListed, framesElsewhere: record.framesElsewhere };
  }

  /**
   * Lets the browser keep SEGs of segmentations that leave the screen unstored, to be offered when the study is opened again.
   * What is drawn is read before this returns its promise: in the next turn the host may have emptied its label maps. One that
   * cannot be kept does not keep the others from it; nobody is left to be told.
   */
  async keepForLater(requests: readonly SegDeliveryRequest[]): Promise<void> {
    const jobs = await Promise.allSettled(
      requests.map((request) => jobOf(request, this.remarks, Number.POSITIVE_INFINITY)),
    );
    for (const [index, job] of jobs.entries()) {
      if (job.status === "rejected") continue;
      const { record } = requests[index]!;
      try {
        const written = await writeSegInWorker(job.value);
        // The newer one takes the place of those that the archive did not take.
        if (await this.#waiting.keep(written)) await this.#waiting.forget(this.#refused.get(record) ?? new Set());
      } catch {
        // The next one, see above.
      }
    }
  }

  /**
   * @returns The segmentation as a file.
   * @throws RefineError `seg-encoding`, `unsupported-dicom` when the images make no volume
   */
  async file(request: SegDeliveryRequest, format: FileFormat): Promise<NamedFile> {
    const { written, job } = await this.#prepare(request);
    request.signal.throwIfAborted();
    const name = segFileName(written.sopInstanceUid);
    if (format === "dicom-seg") return { name, bytes: written.bytes };
    const bytes = await writeLabelsInWorker(job, format);
    request.signal.throwIfAborted();
    return { name: name.replace(/\.dcm$/, LABEL_FILE_ENDING[format]), bytes };
  }

  /**
   * @returns What the SEG says, without its bytes.
   * @throws RefineError `seg-encoding`
   */
  async job(request: SegDeliveryRequest): Promise<SegJob> {
    const { job } = await this.#prepare(request);
    request.signal.throwIfAborted();
    return job;
  }

  /** SOP Instance UIDs of SEGs that wait for the archive and still are on screen, to be stored from there. */
  isOnScreen(record: SegmentationRecord, sopInstanceUid: string): boolean {
    return this.#refused.get(record)?.has(sopInstanceUid) === true;
  }

  async #prepare(request: SegDeliveryRequest): Promise<PreparedSeg> {
    const { record } = request;
    const known = this.#prepared.get(record);
    if (known && this.#isCurrent(record, known)) return known;
    const { revision } = record;
    const { remarks } = this;
    const job = await jobOf(request, remarks);
    const prepared = { revision, remarks, job, written: await writeSegInWorker(job) };
    this.#prepared.set(record, prepared);
    return prepared;
  }

  async #storeAndCompare(job: SegJob, written: WrittenSeg, signal: AbortSignal): Promise<void> {
    const client = await archiveOf(this.#host, "store");
    await client.storeInstances([written.bytes], { signal });
    const stored = await client.retrieveInstance(
      {
        studyInstanceUid: written.studyInstanceUid,
        seriesInstanceUid: written.seriesInstanceUid,
        sopInstanceUid: written.sopInstanceUid,
      },
      { signal },
    );
    await compareSegInWorker(stored, job);
  }
}

function jobOf(
  { series, record, ...names }: SegDeliveryRequest,
  remarks: SegRemarks,
  turnMs?: number,
): Promise<SegJob> {
  const { networkName: network, promptableName: promptable, planAsksPromptable } = names;
  const made = { network, promptable, planAsksPromptable, softwareVersion: VERSION };
  return buildSegJob(series, record, { ...made, remarks }, turnMs);
}
