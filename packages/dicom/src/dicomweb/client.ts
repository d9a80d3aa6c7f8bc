import type { TaskOptions } from "@samrefine/core";
import { type Attributes, itemsOf, numberOf, requireText, textOf } from "../dataset/attributes.ts";
import { readPart10 } from "../part10.ts";
import { attributesFromDicomJson } from "./dicom-json.ts";
import { boundaryOf, MultipartSplitter, multipartOfFiles } from "./multipart.ts";
import { type Answer, createTransport, statusError, type TransportOptions, webError } from "./transport.ts";

export interface DicomWebClientOptions extends TransportOptions {
  /** Root of the service, e.g. `https://pacs.example/dicom-web`. */
  readonly root: string;
}

/** UIDs of one instance. */
export interface InstanceAddress {
  readonly studyInstanceUid: string;
  readonly seriesInstanceUid: string;
  readonly sopInstanceUid: string;
}

export interface StoredInstance extends InstanceAddress {
  /** "already-stored": the server had this very SOP instance, for instance from an attempt whose answer was lost. */
  readonly outcome: "stored" | "already-stored";
  /** Warning Reason (0008,1196): the server changed something while storing. */
  readonly warning: number | undefined;
}

/** Attributes to match, by keyword, and QIDO's own parameters (limit, offset, includefield). */
export type QueryParameters = Readonly<Record<string, string | number>>;

export interface DicomWebClient {
  searchStudies(query?: QueryParameters, options?: TaskOptions): Promise<readonly Attributes[]>;
  searchSeries(
    studyInstanceUid: string,
    query?: QueryParameters,
    options?: TaskOptions,
  ): Promise<readonly Attributes[]>;
  searchInstances(
    studyInstanceUid: string,
    seriesInstanceUid: string,
    query?: QueryParameters,
    options?: TaskOptions,
  ): Promise<readonly Attributes[]>;
  /** Metadata of all instances of a series, without bulk data. */
  seriesMetadata(
    studyInstanceUid: string,
    seriesInstanceUid: string,
    options?: TaskOptions,
  ): Promise<readonly Attributes[]>;
  /** One instance as a Part 10 file, in the transfer syntax that it was stored in. */
  retrieveInstance(address: InstanceAddress, options?: TaskOptions): Promise<Uint8Array>;
  /** The files of a series one after the other, as they arrive. */
  retrieveSeries(
    studyInstanceUid: string,
    seriesInstanceUid: string,
    options?: TaskOptions,
  ): AsyncGenerator<Uint8Array>;
  /**
   * Stores Part 10 files of one study. Repeating is safe: SOP Instance UIDs are in the files, and an instance that the
   * server has already counts as stored.
   */
  storeInstances(files: readonly Uint8Array[], options?: TaskOptions): Promise<readonly StoredInstance[]>;
}

const JSON_TYPE = "application/dicom+json";
const FILE_TYPE = 'multipart/related; type="application/dicom"; transfer-syntax=*';

/** Failure Reason (0008,1197) of PS3.18 table 10.5.3-2 and PS3.4 annex B. */
const DUPLICATE = 0x0111;
const REASONS: ReadonlyMap<number, string> = new Map([
  [0x0110, "processing failure"],
  [DUPLICATE, "duplicate SOP instance"],
  [0x0122, "SOP class not supported"],
  [0x0124, "not authorised"],
  [0xa700, "out of resources"],
  [0xa900, "data set does not match SOP class"],
  [0xc000, "cannot understand"],
]);

function jsonOf(answer: Answer): unknown {
  if (answer.body.byteLength === 0) return [];
  try {
    return JSON.parse(new TextDecoder("utf-8").decode(answer.body));
  } catch (cause) {
    throw webError(
      `The server answered with ${answer.contentType || "an unnamed type"} that is not JSON.`,
      "Check that the address is the root of a DICOMweb service.",
      { contentType: answer.contentType },
      cause,
    );
  }
}

function listOf(answer: Answer): readonly Attributes[] {
  if (answer.status === 204) return [];
  const json = jsonOf(answer);
  return (Array.isArray(json) ? json : [json]).map((item) => attributesFromDicomJson(item));
}

function pathOf(...parts: readonly string[]): string {
  return parts.map(encodeURIComponent).join("/");
}

/** Percent-encoding without the platform's URL class. */
function queryOf(query: QueryParameters | undefined): string {
  const pairs = Object.entries(query ?? {}).map(
    ([k, value]) => `${encodeURIComponent(k)}=${encodeURIComponent(value)}`,
  );
  return pairs.length === 0 ? "" : `?${pairs.join("&")}`;
}

function addressOf(file: Uint8Array): InstanceAddress {
  const { dataset } = readPart10(file);
  return {
    studyInstanceUid: requireText(dataset, "StudyInstanceUID"),
    seriesInstanceUid: requireText(dataset, "SeriesInstanceUID"),
    sopInstanceUid: requireText(dataset, "SOPInstanceUID"),
  };
}

/** The server's word on every instance: stored, failed with a reason, or not mentioned. */
interface StoreReport {
  readonly stored: ReadonlyMap<string, number | undefined>;
  readonly failed: ReadonlyMap<string, number | undefined>;
}

function storeReportOf(answer: Answer): StoreReport {
  let report: Attributes = {};
  try {
    // Some servers answer in XML or plain text whatever is asked for; the status then speaks alone.
    report = listOf(answer)[0] ?? {};
  } catch {
    report = {};
  }
  const uids = (sequence: string, reason: string): ReadonlyMap<string, number | undefined> =>
    new Map(
      itemsOf(report, sequence).flatMap((item) => {
        const uid = textOf(item, "ReferencedSOPInstanceUID");
        return uid === undefined ? [] : [[uid, numberOf(item, reason)] as const];
      }),
    );
  return { stored: uids("ReferencedSOPSequence", "WarningReason"), failed: uids("FailedSOPSequence", "FailureReason") };
}

function refusal(failed: ReadonlyMap<string, number | undefined>, status: number): Error {
  const reasons = [...new Set(failed.values())].map((code) =>
    code === undefined
      ? "no reason given"
      : `${REASONS.get(code) ?? "reason"} (0x${code.toString(16).padStart(4, "0")})`,
  );
  return webError(
    `The server did not store ${failed.size} of the instances: ${reasons.join(", ")}.`,
    "Nothing is lost: the object can be stored again or downloaded. The server's log says more.",
    { status, sopInstanceUids: [...failed.keys()], reasons: [...failed.values()].map((code) => code ?? -1) },
  );
}

/**
 * A client of QIDO-RS, WADO-RS and STOW-RS (PS3.18 10). `fetch` is handed in, so that the same code runs in browsers,
 * workers and Node, and against a host's authenticated fetch.
 * All methods throw RefineError `dicomweb` with `details.status` (HTTP) or `details.reason` ("timeout", "connection"), and
 * the signal's reason when aborted.
 */
export function createDicomWebClient(options: DicomWebClientOptions): DicomWebClient {
  const root = options.root.replace(/\/+$/, "");
  const transport = createTransport(options);

  const search = async (
    path: string,
    query: QueryParameters | undefined,
    task?: TaskOptions,
  ): Promise<readonly Attributes[]> =>
    listOf(
      await transport.request({
        method: "GET",
        url: `${root}/${path}${queryOf(query)}`,
        accept: JSON_TYPE,
        signal: task?.signal,
        accepted: [200, 204],
      }),
    );

  async function* files(url: string, task?: TaskOptions): AsyncGenerator<Uint8Array> {
    let splitter: MultipartSplitter | undefined;
    const request = { method: "GET" as const, url, accept: FILE_TYPE, signal: task?.signal, accepted: [200] };
    for await (const { contentType, chunk } of transport.stream(request)) {
      if (splitter === undefined) {
        const boundary = boundaryOf(contentType);
        if (boundary === undefined) {
          throw webError(
            `The server answered with ${contentType || "an unnamed type"} instead of multipart/related.`,
            "Check the address.",
            {
              contentType,
            },
          );
        }
        splitter = new MultipartSplitter(boundary);
      }
      for (const part of splitter.push(chunk)) yield part.body;
    }
    splitter?.finish();
  }

  const isThere = async (address: InstanceAddress, task?: TaskOptions): Promise<boolean> => {
    const path = pathOf("studies", address.studyInstanceUid, "series", address.seriesInstanceUid, "instances");
    const found = await search(path, { SOPInstanceUID: address.sopInstanceUid }, task);
    return found.some((instance) => textOf(instance, "SOPInstanceUID") === address.sopInstanceUid);
  };

  return {
    searchStudies: (query, task) => search("studies", query, task),
    searchSeries: (study, query, task) => search(pathOf("studies", study, "series"), query, task),
    searchInstances: (study, series, query, task) =>
      search(pathOf("studies", study, "series", series, "instances"), query, task),
    seriesMetadata: (study, series, task) =>
      search(pathOf("studies", study, "series", series, "metadata"), undefined, task),

    async retrieveInstance(address, task) {
      const { studyInstanceUid, seriesInstanceUid, sopInstanceUid } = address;
      const path = pathOf("studies", studyInstanceUid, "series", seriesInstanceUid, "instances", sopInstanceUid);
      const url = `${root}/${path}`;
      const answer = await transport.request({
        method: "GET",
        url,
        accept: FILE_TYPE,
        signal: task?.signal,
        accepted: [200],
      });
      const boundary = boundaryOf(answer.contentType);
      if (boundary === undefined) return answer.body; // single part, application/dicom
      const splitter = new MultipartSplitter(boundary);
      const [part] = splitter.push(answer.body);
      splitter.finish();
      if (part === undefined) throw statusError(404, url);
      return part.body;
    },

    retrieveSeries: (study, series, task) => files(`${root}/${pathOf("studies", study, "series", series)}`, task),

    async storeInstances(instances, task) {
      task?.signal?.throwIfAborted();
      const addresses = instances.map(addressOf);
      const [first] = addresses;
      if (first === undefined) return [];
      if (addresses.some(({ studyInstanceUid }) => studyInstanceUid !== first.studyInstanceUid)) {
        throw webError("The instances belong to several studies.", "Store one study at a time.");
      }
      const digits = Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) =>
        byte.toString(16).padStart(2, "0"),
      );
      const boundary = `samrefine-${digits.join("")}`;
      const answer = await transport.request({
        method: "POST",
        url: `${root}/${pathOf("studies", first.studyInstanceUid)}`,
        accept: JSON_TYPE,
        contentType: `multipart/related; type="application/dicom"; boundary=${boundary}`,
        body: multipartOfFiles(instances, boundary),
        signal: task?.signal,
        accepted: [200, 201, 202, 409],
      });
      const report = storeReportOf(answer);
      const results: StoredInstance[] = [];
      const failed = new Map<string, number | undefined>();
      for (const address of addresses) {
        const uid = address.sopInstanceUid;
        const reason = report.failed.get(uid);
        const isMentioned = report.stored.has(uid) || report.failed.has(uid);
        if (report.stored.has(uid) || (!isMentioned && answer.status !== 409)) {
          results.push({ ...address, outcome: "stored", warning: report.stored.get(uid) });
        } else if (reason === DUPLICATE || (await isThere(address, task))) {
          // Refused because an earlier attempt went through although its answer was lost.
          results.push({ ...address, outcome: "already-stored", warning: undefined });
        } else failed.set(uid, reason);
      }
      if (failed.size > 0) throw refusal(failed, answer.status);
      return results;
    },
  };
}
