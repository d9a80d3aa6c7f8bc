import { createHash, randomUUID } from "node:crypto";
import { once } from "node:events";
import { createReadStream, createWriteStream } from "node:fs";
import { mkdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import type { JsonDataSet } from "./dicom-json.ts";
import { type IndexedInstance, type InstanceIndex, indexFile } from "./instance-index.ts";
import { readMultipart } from "./multipart.ts";

/** Failure Reason (PS3.18 table 10.5.3-2 and I.2.2). */
const failureReasons = {
  processingFailure: 0x0110,
  duplicateInstance: 0x0111,
  outOfResources: 0xa700,
  studyMismatch: 0xa900,
  cannotUnderstand: 0xc000,
} as const;

interface StoredPart {
  readonly sopClassUid: string;
  readonly sopUid: string;
  readonly studyUid: string;
  readonly seriesUid: string;
}

interface FailedPart {
  readonly reason: number;
  readonly sopClassUid?: string;
  readonly sopUid?: string;
}

export interface StoreOptions {
  readonly index: InstanceIndex;
  readonly storeDirectory: string;
  /** When the request names a study, instances of other studies are refused. */
  readonly studyUid?: string | undefined;
  /** Absolute address of the DICOMweb root, for Retrieve URL. */
  readonly root: string;
}

/** Status and body of a Store Instances response (PS3.18 10.5.3). */
export interface StoreResponse {
  readonly status: 200 | 202 | 409;
  readonly body: JsonDataSet;
}

/**
 * Stores the instances of a STOW-RS body. Each part goes to a file of its own under a hidden name and is renamed when it
 * is whole and readable, so that a broken transfer leaves nothing behind. Storing the same bytes again succeeds and
 * changes nothing; another file under a known SOP Instance UID is refused.
 *
 * @throws RefineError `dicomweb` when the multipart body itself is broken; parts before the break are stored
 */
export async function storeInstances(
  body: AsyncIterable<Uint8Array>,
  boundary: string,
  options: StoreOptions,
): Promise<StoreResponse> {
  const incoming = join(options.storeDirectory, ".incoming");
  await mkdir(incoming, { recursive: true });
  const stored: StoredPart[] = [];
  const failed: FailedPart[] = [];
  let part: IncomingPart | undefined;
  try {
    for await (const event of readMultipart(body, boundary)) {
      if (event.kind === "part") {
        part = openPart(join(incoming, randomUUID()));
      } else if (event.kind === "data") {
        await part?.write(event.bytes);
      } else if (part !== undefined) {
        const outcome = await finishPart(part, options);
        if ("reason" in outcome) failed.push(outcome);
        else stored.push(outcome);
        part = undefined;
      }
    }
  } finally {
    await part?.discard();
  }
  return storeResponse(stored, failed, options.root);
}

interface IncomingPart {
  readonly path: string;
  write(bytes: Buffer): Promise<void>;
  /** @returns an I/O error that happened on the way, undefined when all bytes are on disk */
  close(): Promise<unknown>;
  discard(): Promise<void>;
}

function openPart(path: string): IncomingPart {
  const stream = createWriteStream(path, { flags: "wx" });
  let failure: unknown;
  stream.on("error", (error) => {
    failure ??= error;
  });
  const close = async (): Promise<unknown> => {
    if (failure === undefined && !stream.closed) {
      stream.end();
      await once(stream, "close").catch(() => undefined);
    }
    return failure;
  };
  return {
    path,
    write: async (bytes) => {
      // A full disk fails this part alone; the rest of the body must still be read to answer for the others.
      if (failure === undefined && !stream.write(bytes)) {
        await Promise.race([once(stream, "drain"), once(stream, "close")]).catch(() => undefined);
      }
    },
    close,
    discard: async () => {
      stream.destroy();
      await rm(path, { force: true });
    },
  };
}

async function finishPart(part: IncomingPart, options: StoreOptions): Promise<StoredPart | FailedPart> {
  if ((await part.close()) !== undefined) {
    await part.discard();
    return { reason: failureReasons.outOfResources };
  }
  const instance = await indexFile(part.path).catch(() => "damaged" as const);
  if (instance === undefined || instance === "damaged") {
    await part.discard();
    return { reason: failureReasons.cannotUnderstand };
  }
  const { sopClassUid, sopUid, studyUid, seriesUid } = instance;
  const identity: StoredPart = { sopClassUid, sopUid, studyUid, seriesUid };
  if (options.studyUid !== undefined && studyUid !== options.studyUid) {
    await part.discard();
    return { ...identity, reason: failureReasons.studyMismatch };
  }
  const known = options.index.find(sopUid);
  if (known !== undefined) {
    const same = await haveSameBytes(known, instance).catch(() => false);
    await part.discard();
    return same ? identity : { ...identity, reason: failureReasons.duplicateInstance };
  }
  const folder = join(options.storeDirectory, studyUid, seriesUid);
  const kept = { ...instance, path: join(folder, `${sopUid}.dcm`) };
  // The UID is claimed before the file moves, so that of two parallel transfers of it only one can write.
  if (!options.index.add(kept)) {
    await part.discard();
    return { ...identity, reason: failureReasons.duplicateInstance };
  }
  try {
    await mkdir(folder, { recursive: true });
    await rename(instance.path, kept.path);
  } catch {
    options.index.remove(kept);
    await part.discard();
    return { ...identity, reason: failureReasons.processingFailure };
  }
  return identity;
}

async function haveSameBytes(a: IndexedInstance, b: IndexedInstance): Promise<boolean> {
  if (a.fileBytes !== b.fileBytes) return false;
  const [left, right] = await Promise.all([digestOf(a.path), digestOf(b.path)]);
  return left === right;
}

async function digestOf(path: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(path), hash);
  return hash.digest("hex");
}

function storeResponse(stored: readonly StoredPart[], failed: readonly FailedPart[], root: string): StoreResponse {
  const referenced = stored.map((part) => ({
    "00081150": { vr: "UI", Value: [part.sopClassUid] },
    "00081155": { vr: "UI", Value: [part.sopUid] },
    "00081190": {
      vr: "UR",
      Value: [`${root}/studies/${part.studyUid}/series/${part.seriesUid}/instances/${part.sopUid}`],
    },
  }));
  const refused = failed.map((part) => ({
    ...(part.sopClassUid === undefined ? {} : { "00081150": { vr: "UI", Value: [part.sopClassUid] } }),
    ...(part.sopUid === undefined ? {} : { "00081155": { vr: "UI", Value: [part.sopUid] } }),
    "00081197": { vr: "US", Value: [part.reason] },
  }));
  const studies = new Set(stored.map((part) => part.studyUid));
  const [onlyStudy] = studies;
  return {
    status: failed.length === 0 ? 200 : stored.length === 0 ? 409 : 202,
    body: {
      ...(refused.length === 0 ? {} : { "00081198": { vr: "SQ", Value: refused } }),
      ...(referenced.length === 0 ? {} : { "00081199": { vr: "SQ", Value: referenced } }),
      ...(studies.size === 1 ? { "00081190": { vr: "UR", Value: [`${root}/studies/${onlyStudy}`] } } : {}),
    },
  };
}
