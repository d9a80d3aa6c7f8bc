// A SEG survives an outage of the archive and a closed tab: the outbox and the client against a server over real sockets.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { isRefineError } from "@samrefine/core";
import {
  boundaryOf,
  createDicomWebClient,
  type DicomWebClient,
  encodeSeg,
  MultipartSplitter,
  masksOfLabels,
  multipartOfFiles,
  openOutbox,
  readPart10,
  sourceInstanceOf,
  textOf,
} from "@samrefine/dicom";
import { ABDOMEN_SEGMENTS, abdominalCtStudyFiles } from "@samrefine/phantoms";
import { IDBFactory } from "fake-indexeddb";
import { afterEach, expect, test } from "vitest";

const sources = abdominalCtStudyFiles({ seed: 3, matrix: 32, slices: 3 }).map((file) =>
  sourceInstanceOf(readPart10(file).dataset),
);
const seg = encodeSeg({
  sources,
  segments: [
    {
      ...ABDOMEN_SEGMENTS[0]!,
      number: 1,
      algorithmType: "AUTOMATIC",
      algorithm: { name: "Contract", version: "1" },
    },
  ],
  masks: masksOfLabels((index) => new Uint8Array(32 * 32).fill(1, 100 * index, 100 * index + 50)),
  seriesDescription: "Outbox",
  seriesNumber: 9000,
  created: new Date(2026, 1, 1),
});

let server: Server | undefined;
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

/** An archive whose mood can be changed. */
interface Archive {
  mood: "well" | "down" | "stores, but its answer is lost";
  readonly stored: Map<string, Uint8Array>;
  readonly client: DicomWebClient;
}

async function startArchive(): Promise<Archive> {
  const stored = new Map<string, Uint8Array>();
  const answerFiles = (response: ServerResponse): void => {
    response
      .writeHead(200, { "Content-Type": 'multipart/related; type="application/dicom"; boundary="part"' })
      .end(multipartOfFiles([...stored.values()], "part"));
  };
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const chunks: Uint8Array[] = [];
    for await (const chunk of request) chunks.push(chunk as Uint8Array);
    if (archive.mood === "down") response.writeHead(503).end();
    else if (request.method === "GET") answerFiles(response);
    else {
      const splitter = new MultipartSplitter(boundaryOf(request.headers["content-type"] ?? "") ?? "");
      const [part] = splitter.push(Buffer.concat(chunks));
      const uid = textOf(readPart10(part!.body).dataset, "SOPInstanceUID")!;
      const isDuplicate = stored.has(uid);
      stored.set(uid, part!.body);
      if (archive.mood === "well") {
        const item = { "00081155": { vr: "UI", Value: [uid] } };
        const refused = { ...item, "00081197": { vr: "US", Value: [0x0111] } };
        const [sequence, value] = isDuplicate ? ["00081198", refused] : ["00081199", item];
        response
          .writeHead(isDuplicate ? 409 : 200, { "Content-Type": "application/dicom+json" })
          .end(JSON.stringify({ [sequence]: { vr: "SQ", Value: [value] } }));
      } else request.socket.destroy();
    }
  };
  const started = createServer((request, response) => {
    answer(request, response).catch(() => response.destroy());
  });
  server = started;
  await new Promise<void>((resolve) => started.listen(0, "127.0.0.1", resolve));
  const { port } = started.address() as AddressInfo;
  const client = createDicomWebClient({
    root: `http://127.0.0.1:${port}/dicom-web`,
    fetch,
    retries: 1,
    retryDelayMs: 5,
  });
  const archive: Archive = { mood: "well", stored, client };
  return archive;
}

test("outage, closed tab, lost answer: in the end the archive holds the SEG once, and the outbox is empty", async () => {
  const archive = await startArchive();
  const indexedDB = new IDBFactory();

  archive.mood = "down";
  await expect(archive.client.storeInstances([seg.bytes])).rejects.toThrow(/503/);
  const beforeClosing = await openOutbox({ indexedDB });
  await beforeClosing.add({ ...seg, studyInstanceUid: sources[0]!.studyInstanceUid }, "/dicom-web");
  beforeClosing.close();

  const outbox = await openOutbox({ indexedDB });
  const [entry] = await outbox.list();
  expect(entry).toMatchObject({ sopInstanceUid: seg.sopInstanceUid, destination: "/dicom-web", attempts: 0 });
  const { id } = entry!;
  const still: unknown = await outbox.retry(id, archive.client).catch((error: unknown) => error);
  expect(isRefineError(still, "dicomweb")).toBe(true);

  archive.mood = "stores, but its answer is lost";
  await expect(outbox.retry(id, archive.client)).rejects.toThrow(/cannot be reached/);
  expect(archive.stored.size).toBe(1);
  expect(await outbox.list()).toMatchObject([{ attempts: 2 }]);

  archive.mood = "well";
  expect(await outbox.retry(id, archive.client)).toEqual({ frames: 3, pixels: 3 * 32 * 32 });
  expect([...archive.stored.keys()]).toEqual([seg.sopInstanceUid]);
  expect(await outbox.list()).toEqual([]);
});
