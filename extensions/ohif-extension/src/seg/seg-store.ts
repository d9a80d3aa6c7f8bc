import { SEGMENTATION_STORAGE } from "@samrefine/dicom";
import type { OhifHost } from "../host/ohif-host.ts";
import type { SegmentationRecord } from "../labelmap/segmentation-record.ts";
import { VERSION } from "../names.ts";
import type { SeriesSource } from "../series/series-source.ts";
import { archiveOf } from "./archive.ts";
import { buildSegJob } from "./build-job.ts";
import type { NamedFile } from "./save-files.ts";
import { compareSegInWorker, writeSegInWorker } from "./seg-in-worker.ts";
import type { SegJob, WrittenSeg } from "./seg-job.ts";

export interface SegDeliveryRequest {
  readonly series: SeriesSource;
  readonly record: SegmentationRecord;
  /** Id and version of the network that proposed; undefined when none did. */
  readonly networkName: string | undefined;
  readonly promptableName: string | undefined;
  readonly planAsksPromptable: boolean;
  readonly signal: AbortSignal;
}

interface PreparedSeg {
  /** Of the record, when the SEG was written: the same bytes serve again while nothing changed. */
  readonly revision: number;
  readonly job: SegJob;
  readonly written: WrittenSeg;
}

/** SEGs that were handed over, and what to say of it. */
export interface SegDeliveryReport {
  readonly frameCount: number;
  /** False when the list of series on screen could not be renewed. */
  readonly isListed: boolean;
}

/**
 * Writes SEGs and hands them over. A SEG whose storing failed stays here: stored again it is the same object with the same
 * UIDs, so that an archive that did take it the first time does not hold it twice.
 */
export class SegStore {
  readonly #host: OhifHost;
  readonly #prepared = new WeakMap<SegmentationRecord, PreparedSeg>();
  /** Written, but not taken by the archive. */
  readonly #unstored = new Set<SegmentationRecord>();
  /** Revision of the record that the archive holds. */
  readonly #storedRevision = new WeakMap<SegmentationRecord, number>();
  /** What was stored last from a record: the next one names it as its predecessor. */
  readonly #predecessors = new WeakMap<SegmentationRecord, NonNullable<SegJob["predecessor"]>>();

  constructor(host: OhifHost) {
    this.#host = host;
  }

  /** True when the archive refused or missed this very content. */
  hasUnstored(record: SegmentationRecord): boolean {
    return this.#unstored.has(record) && this.#prepared.get(record)?.revision === record.revision;
  }

  /** True when the archive holds this very content. */
  isStored(record: SegmentationRecord): boolean {
    return this.#storedRevision.get(record) === record.revision;
  }

  /**
   * Stores the SEG, reads it back and compares it.
   * @throws RefineError `seg-encoding`, `dicomweb`, `configuration`; the written SEG is kept.
   */
  async store(request: SegDeliveryRequest): Promise<SegDeliveryReport> {
    const { record, series, signal } = request;
    const { job, written, revision } = await this.#prepare(request);
    signal.throwIfAborted();
    this.#unstored.add(record);
    await this.#storeAndCompare(job, written, signal);
    this.#unstored.delete(record);
    this.#storedRevision.set(record, revision);
    this.#predecessors.set(record, {
      sopClassUid: SEGMENTATION_STORAGE,
      sopInstanceUid: written.sopInstanceUid,
    });
    const { frameCount } = written;
    try {
      await this.#showInStudy(series, written);
      return { frameCount, isListed: true };
    } catch {
      // Stored is stored: only the list on screen is old.
      return { frameCount, isListed: false };
    }
  }

  /**
   * @returns The SEG as a file.
   * @throws RefineError `seg-encoding`
   */
  async file(request: SegDeliveryRequest): Promise<NamedFile> {
    const { written } = await this.#prepare(request);
    request.signal.throwIfAborted();
    return { name: `samrefine-${written.sopInstanceUid.slice(-12)}.dcm`, bytes: written.bytes };
  }

  async #prepare({ series, record, ...names }: SegDeliveryRequest): Promise<PreparedSeg> {
    const known = this.#prepared.get(record);
    if (known?.revision === record.revision) return known;
    const { revision } = record;
    const job = await buildSegJob(
      series,
      record,
      {
        network: names.networkName,
        promptable: names.promptableName,
        planAsksPromptable: names.planAsksPromptable,
        softwareVersion: VERSION,
      },
      this.#predecessors.get(record),
    );
    const prepared = { revision, job, written: await writeSegInWorker(job) };
    this.#prepared.set(record, prepared);
    return prepared;
  }

  async #storeAndCompare(job: SegJob, written: WrittenSeg, signal: AbortSignal): Promise<void> {
    const client = archiveOf(this.#host, "store");
    await client.storeInstances([written.bytes], { signal });
    const stored = await client.retrieveInstance(
      {
        studyInstanceUid: job.sources[0]!.studyInstanceUid,
        seriesInstanceUid: written.seriesInstanceUid,
        sopInstanceUid: written.sopInstanceUid,
      },
      { signal },
    );
    await compareSegInWorker(stored, job);
  }

  /**
   * Lets the host read the new series from the archive, as it would after a reload. OHIF keeps the answer of a study's first
   * retrieval and would give that again; it is forgotten before, and afterwards too, because the next opening of the study
   * wants all series.
   */
  async #showInStudy({ displaySet }: SeriesSource, { seriesInstanceUid }: WrittenSeg): Promise<void> {
    const { dataSource } = this.#host;
    const { StudyInstanceUID } = displaySet;
    const forget = () => {
      // OHIF 3.13 files the answer under the data source's name and the study, other versions under the study alone.
      for (const key of [`${dataSource?.getConfig?.()?.name}:${StudyInstanceUID}`, StudyInstanceUID]) {
        dataSource?.deleteStudyMetadataPromise?.(key);
      }
    };
    forget();
    await dataSource?.retrieve.series.metadata({
      StudyInstanceUID,
      filters: { seriesInstanceUID: [seriesInstanceUid] },
    });
    forget();
  }
}
