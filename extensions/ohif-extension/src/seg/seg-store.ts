import { SEGMENTATION_STORAGE } from "@samrefine/dicom";
import type { OhifHost } from "../host/ohif-host.ts";
import type { SegmentationRecord } from "../labelmap/segmentation-record.ts";
import { VERSION } from "../names.ts";
import type { SeriesSource } from "../series/series-source.ts";
import { archiveOf } from "./archive.ts";
import { buildSegJob } from "./build-job.ts";
import { compareSegInWorker, writeSegInWorker } from "./seg-in-worker.ts";
import type { SegJob, WrittenSeg } from "./seg-job.ts";

export type SegDelivery = "store" | "download";

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
  readonly record: SegmentationRecord;
  /** Of the record, when the SEG was written: the same bytes serve again while nothing changed. */
  readonly revision: number;
  readonly job: SegJob;
  readonly written: WrittenSeg;
}

/**
 * Writes SEGs and hands them over. A SEG whose storing failed stays here: stored again it is the same object with the same
 * UIDs, so that an archive that did take it the first time does not hold it twice.
 */
export class SegStore {
  readonly #host: OhifHost;
  #prepared: PreparedSeg | undefined;
  #hasUnstored = false;
  /** What was stored last from a record: the next one names it as its predecessor. */
  readonly #predecessors = new WeakMap<SegmentationRecord, NonNullable<SegJob["predecessor"]>>();

  constructor(host: OhifHost) {
    this.#host = host;
  }

  get hasUnstored(): boolean {
    return this.#hasUnstored;
  }

  /**
   * @returns What happened, for the user.
   * @throws RefineError `seg-encoding`, `dicomweb`, `configuration`; the written SEG is kept.
   */
  async deliver(delivery: SegDelivery, request: SegDeliveryRequest): Promise<string> {
    const prepared = await this.#prepare(request);
    request.signal.throwIfAborted();
    const { frameCount } = prepared.written;
    if (delivery === "download") {
      saveFile(prepared.written);
      return `The SEG (${frameCount} frames) was downloaded.`;
    }
    this.#hasUnstored = true;
    await this.#store(prepared, request.signal);
    this.#hasUnstored = false;
    this.#predecessors.set(prepared.record, {
      sopClassUid: SEGMENTATION_STORAGE,
      sopInstanceUid: prepared.written.sopInstanceUid,
    });
    const frames = `${frameCount} ${frameCount === 1 ? "frame" : "frames"}`;
    try {
      await this.#showInStudy(request.series, prepared.written);
      return `Stored and read back: ${frames}, identical. It is listed among the series of this study.`;
    } catch {
      // Stored is stored: only the list on screen is old.
      return `Stored and read back: ${frames}, identical. Reload the study to see it in the list.`;
    }
  }

  async #prepare({ series, record, ...names }: SegDeliveryRequest): Promise<PreparedSeg> {
    const known = this.#prepared;
    if (known?.record === record && known.revision === record.revision) return known;
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
    this.#hasUnstored = false;
    this.#prepared = { record, revision, job, written: await writeSegInWorker(job) };
    return this.#prepared;
  }

  async #store({ job, written }: PreparedSeg, signal: AbortSignal): Promise<void> {
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

function saveFile({ bytes, sopInstanceUid }: WrittenSeg): void {
  const url = URL.createObjectURL(new Blob([bytes], { type: "application/dicom" }));
  const link = document.createElement("a");
  link.href = url;
  link.download = `samrefine-${sopInstanceUid.slice(-12)}.dcm`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
