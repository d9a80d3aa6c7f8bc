import { createReadStream } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { pipeline } from "node:stream/promises";
import { isRefineError, RefineError } from "@samrefine/core";
import { sendJson, sendText } from "../http/respond.ts";
import { bytesOf, type JsonDataSet } from "./dicom-json.ts";
import { frameContentType, readAllFrames, readFrames } from "./frames.ts";
import { type IndexedInstance, type InstanceIndex, isUid } from "./instance-index.ts";
import { type MultipartPart, newBoundary, parseMultipartType, writeMultipart } from "./multipart.ts";
import { deflatedTransferSyntax, headerAsJson, readPart10Header } from "./part10-file.ts";
import { parseQuery, runQuery } from "./query.ts";
import type { QueryLevel } from "./query-attributes.ts";
import { storeInstances } from "./store-instances.ts";

/** Binary values up to this size travel inside the metadata: lookup tables and palettes, not pixels. */
const inlineLimitBytes = 64 * 1024;

export interface DicomwebServiceOptions {
  readonly index: InstanceIndex;
  /** Folder for what is stored. It is created at the first transfer. */
  readonly storeDirectory: string;
}

/** One request, its address taken apart. */
interface Call {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly url: URL;
  /** Absolute address of the DICOMweb root as the client sees it. */
  readonly root: string;
}

/** Parts of a DICOMweb path (PS3.18 table 10.1-1). */
interface Target {
  readonly studyUid?: string;
  readonly seriesUid?: string;
  readonly sopUid?: string;
  /** What follows the last UID: `metadata`, `series`, `frames`, … or nothing. */
  readonly resource?: string;
  readonly detail?: string;
}

/** Answers a request below the DICOMweb root. `root` is the absolute address of that root as the client sees it. */
export type DicomwebService = (
  request: IncomingMessage,
  response: ServerResponse,
  url: URL,
  root: string,
) => Promise<void>;

/**
 * QIDO-RS, WADO-RS and STOW-RS (PS3.18 chapter 10) over an index of files. Rendered images, workitems and deletion are
 * not offered.
 */
export function createDicomwebService(options: DicomwebServiceOptions): DicomwebService {
  return async (request, response, url, root) => {
    const call: Call = { request, response, url, root };
    const segments = url.pathname
      .slice(new URL(root).pathname.length)
      .split("/")
      .filter(Boolean)
      .map(decodeURIComponent);
    const target = parseTarget(segments);
    if (target === undefined) return sendText(response, 404, "This is no address of a DICOMweb resource.");
    try {
      if (request.method === "POST") return await store(call, target, options);
      if (request.method !== "GET" && request.method !== "HEAD") {
        response.setHeader("Allow", "GET, HEAD, POST");
        return sendText(response, 405, `${request.method} is not supported.`);
      }
      await retrieve(call, target, options.index);
    } catch (error) {
      if (response.headersSent) response.destroy();
      else if (isRefineError(error, "dicomweb")) sendText(response, 400, `${error.message} ${error.hint}`);
      else if (isRefineError(error, "unsupported-dicom")) sendText(response, 500, `${error.message} ${error.hint}`);
      else throw error;
    }
  };
}

const levels: Readonly<Record<string, QueryLevel>> = { studies: "study", series: "series", instances: "instance" };

/** Exported for tests. @returns undefined for a path that DICOMweb does not know */
export function parseTarget(segments: readonly string[]): Target | undefined {
  const [head, ...rest] = segments;
  if (head === undefined || levels[head] === undefined) return undefined;
  if (rest.length === 0) return { resource: head };
  if (head !== "studies") return undefined;
  const target: { studyUid?: string; seriesUid?: string; sopUid?: string; resource?: string; detail?: string } = {};
  const names = ["studyUid", "seriesUid", "sopUid"] as const;
  const collections = ["studies", "series", "instances"];
  for (let level = 0; level < 3; level += 1) {
    if (segments[level * 2] !== collections[level] || segments[level * 2 + 1] === undefined) break;
    const uid = segments[level * 2 + 1];
    const name = names[level];
    if (name === undefined || !isUid(uid)) return undefined;
    target[name] = uid;
  }
  const used = [target.studyUid, target.seriesUid, target.sopUid].filter((uid) => uid !== undefined).length * 2;
  const [resource, detail, ...excess] = segments.slice(used);
  if (excess.length > 0) return undefined;
  if (resource !== undefined) target.resource = resource;
  if (detail !== undefined) target.detail = detail;
  return target;
}

async function retrieve(call: Call, target: Target, index: InstanceIndex): Promise<void> {
  const { studyUid, seriesUid, sopUid, resource, detail } = target;
  const level = resource === undefined || detail !== undefined ? undefined : levels[resource];
  if (level !== undefined && sopUid === undefined) return query(call, target, level, index);
  const instances = selected(index, target);
  if (instances.length === 0) {
    return sendText(call.response, 404, `There is no such ${sopUid ? "instance" : seriesUid ? "series" : "study"}.`);
  }
  const [instance] = instances;
  if (resource === undefined) return sendInstances(call, instances, sopUid !== undefined);
  if (resource === "metadata" && detail === undefined) {
    return sendJson(call.request, call.response, 200, await metadataOf(instances, call.root), "application/dicom+json");
  }
  if (sopUid !== undefined && instance !== undefined && detail !== undefined) {
    if (resource === "frames") return sendFrames(call, instance, detail);
    if (resource === "bulkdata") return sendBulkData(call, instance, detail);
  }
  sendText(call.response, studyUid === undefined ? 404 : 501, `${resource ?? "This"} is not offered by this server.`);
}

function selected(index: InstanceIndex, target: Target): readonly IndexedInstance[] {
  const { studyUid, seriesUid, sopUid } = target;
  if (studyUid === undefined) return [];
  if (sopUid === undefined) return index.instancesOf(studyUid, seriesUid);
  const instance = index.find(sopUid, studyUid, seriesUid);
  return instance === undefined ? [] : [instance];
}

function query(call: Call, target: Target, level: QueryLevel, index: InstanceIndex): void {
  const parsed = parseQuery(call.url.searchParams);
  const { studyUid, seriesUid } = target;
  const { page, remaining } = runQuery(index, { level, studyUid, seriesUid, root: call.root }, parsed);
  const warnings = parsed.warnings.map(
    (text) => `299 samrefine: "${text.replace(/[^\x20-\x7e]/g, "?").replaceAll('"', "'")}"`,
  );
  if (remaining > 0) warnings.push(`299 samrefine: "There are ${remaining} additional results that can be requested"`);
  if (warnings.length > 0) call.response.setHeader("Warning", warnings);
  sendJson(call.request, call.response, 200, page, "application/dicom+json");
}

async function metadataOf(instances: readonly IndexedInstance[], root: string): Promise<readonly JsonDataSet[]> {
  const all: JsonDataSet[] = [];
  for (const instance of instances) {
    const header = await readPart10Header(instance.path);
    if (header === undefined) continue;
    const base = instanceAddress(root, instance);
    all.push(headerAsJson(header, { inlineLimitBytes, bulkDataUri: (path) => `${base}/bulkdata/${path}` }));
  }
  return all;
}

function instanceAddress(root: string, instance: IndexedInstance): string {
  return `${root}/studies/${instance.studyUid}/series/${instance.seriesUid}/instances/${instance.sopUid}`;
}

async function sendInstances(call: Call, instances: readonly IndexedInstance[], single: boolean): Promise<void> {
  const { request, response } = call;
  const accept = request.headers.accept ?? "*/*";
  const [first] = instances;
  if (single && first !== undefined && /^\s*application\/dicom\s*(;|,|$)/i.test(accept)) {
    response.writeHead(200, { "Content-Type": "application/dicom", "Content-Length": first.fileBytes });
    await pipeFile(first.path, response, request.method === "HEAD");
    return;
  }
  await sendParts(
    call,
    "application/dicom",
    instances.map((instance) => ({
      contentType: `application/dicom; transfer-syntax=${instance.transferSyntaxUid}`,
      contentLocation: instanceAddress(call.root, instance),
      body: createLazyStream(instance.path),
    })),
  );
}

/** A stream that opens its file only when it is read: a study of a thousand files must not open a thousand at once. */
async function* createLazyStream(path: string): AsyncGenerator<Uint8Array> {
  yield* createReadStream(path, { highWaterMark: 1024 * 1024 });
}

async function pipeFile(path: string, response: ServerResponse, headOnly: boolean): Promise<void> {
  if (!headOnly) {
    await pipeline(createReadStream(path), response);
  } else {
    response.end();
  }
}

async function sendParts(call: Call, type: string, parts: readonly MultipartPart[]): Promise<void> {
  const boundary = newBoundary();
  call.response.writeHead(200, {
    "Content-Type": `multipart/related; type="${type}"; boundary=${boundary}`,
    "Cache-Control": "private, max-age=3600",
  });
  if (call.request.method !== "HEAD") await writeMultipart(call.response, boundary, parts);
  call.response.end();
}

async function sendFrames(call: Call, instance: IndexedInstance, list: string): Promise<void> {
  const numbers = list.split(",").map(Number);
  if (numbers.some((number) => !Number.isInteger(number))) {
    return sendText(call.response, 400, "Frame numbers are whole numbers from 1, separated by commas.");
  }
  const frames = await readFrames(instance, numbers);
  if (frames === undefined) return sendText(call.response, 404, "The instance has no such frame.");
  const contentType = frameContentType(instance.transferSyntaxUid);
  await sendParts(
    call,
    contentType.split(";")[0] ?? contentType,
    frames.map((body) => ({ contentType, body })),
  );
}

async function sendBulkData(call: Call, instance: IndexedInstance, path: string): Promise<void> {
  if (path === "7FE00010") {
    const frames = await readAllFrames(instance);
    if (frames === undefined) return sendText(call.response, 404, "The instance has no pixel data.");
    const contentType = frameContentType(instance.transferSyntaxUid);
    const parts = frames.map((body) => ({ contentType, body }));
    return sendParts(call, contentType.split(";")[0] ?? contentType, parts);
  }
  const value = await bulkValue(instance, path);
  if (value === undefined) return sendText(call.response, 404, "The instance has no such value.");
  const sent =
    instance.transferSyntaxUid === deflatedTransferSyntax ? "1.2.840.10008.1.2.1" : instance.transferSyntaxUid;
  const contentType = `application/octet-stream; transfer-syntax=${sent}`;
  await sendParts(call, "application/octet-stream", [{ contentType, body: value }]);
}

async function bulkValue(instance: IndexedInstance, path: string): Promise<Uint8Array | undefined> {
  const header = await readPart10Header(instance.path);
  let dataSet = header?.dataSet;
  const steps = path.split(".");
  for (const [position, step] of steps.entries()) {
    const element = dataSet?.elements[`x${step.toLowerCase()}`];
    if (position % 2 === 1) continue;
    if (element === undefined || dataSet === undefined) return undefined;
    if (position === steps.length - 1) return bytesOf(dataSet, element);
    dataSet = element.items?.[Number(steps[position + 1])]?.dataSet;
  }
  return undefined;
}

async function store(call: Call, target: Target, options: DicomwebServiceOptions): Promise<void> {
  const { request, response } = call;
  const storesHere =
    target.seriesUid === undefined &&
    (target.studyUid === undefined ? target.resource === "studies" : target.resource === undefined);
  if (!storesHere) return sendText(response, 404, "Instances are stored at /studies or /studies/UID.");
  const type = parseMultipartType(request.headers["content-type"]);
  if (type === undefined || (type.type !== undefined && type.type !== "application/dicom")) {
    return sendText(response, 415, 'Send multipart/related; type="application/dicom"; boundary=…');
  }
  const { index, storeDirectory } = options;
  const { studyUid } = target;
  const result = await storeInstances(request, type.boundary, { index, storeDirectory, studyUid, root: call.root });
  if (Object.keys(result.body).length === 0) throw new RefineError("dicomweb", "The body holds no instance.");
  sendJson(request, response, result.status, result.body, "application/dicom+json");
}
