import type { OhifHost } from "../host/ohif-host.ts";
import type { SegmentationRecord } from "../labelmap/segmentation-record.ts";
import type { SeriesSource } from "../series/series-source.ts";

export type SegDelivery = "store" | "download";

export interface SegDeliveryRequest {
  readonly series: SeriesSource;
  readonly record: SegmentationRecord;
  /** Id and version of the network that proposed; undefined when none did. */
  readonly networkTitle: string | undefined;
  readonly promptableTitle: string | undefined;
  readonly signal: AbortSignal;
}

export class SegStore {
  readonly #host: OhifHost;
  constructor(host: OhifHost) {
    this.#host = host;
  }
  get hasUnstored(): boolean {
    return false;
  }
  async deliver(_delivery: SegDelivery, _request: SegDeliveryRequest): Promise<string> {
    return String(this.#host.activeViewportId);
  }
}
