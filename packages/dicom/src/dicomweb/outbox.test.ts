import { isRefineError, RefineError } from "@samrefine/core";
import { IDBFactory } from "fake-indexeddb";
import { expect, test } from "vitest";
import { readPart10, writePart10 } from "../part10.ts";
import { encodeSeg } from "../seg/encode.ts";
import { ctImage, drawnSegment } from "../testing/small-series.ts";
import { type OutboxFile, openOutbox, type StoringClient } from "./outbox.ts";

function outboxFile(sopInstanceUid = "1.2.3.4"): OutboxFile {
  return { bytes: segFile(sopInstanceUid), studyInstanceUid: "1.2", seriesInstanceUid: "1.2.7", sopInstanceUid };
}

function segFile(sopInstanceUid = "1.2.3.4"): Uint8Array<ArrayBuffer> {
  return encodeSeg({
    sources: [ctImage(0, { PatientName: "Secret^Name", PatientID: "secret-id" })],
    segments: [drawnSegment(1)],
    masks: () => Uint8Array.from({ length: 16 }, (_, i) => i % 2),
    seriesDescription: "Outbox",
    seriesNumber: 1,
    created: new Date(2026, 1, 1),
    sopInstanceUid,
    seriesInstanceUid: "1.2.7",
  }).bytes;
}

/** An archive in memory; `failure` makes storing fail, `change` alters what comes back. */
function archive(): StoringClient & {
  readonly stored: Uint8Array[];
  failure: Error | undefined;
  change: (file: Uint8Array) => Uint8Array;
} {
  const stored: Uint8Array[] = [];
  return {
    stored,
    failure: undefined,
    change: (file) => file,
    async storeInstances(files) {
      if (this.failure) throw this.failure;
      stored.push(...files);
      return [];
    },
    async retrieveInstance() {
      return this.change(stored.at(-1)!);
    },
  };
}

test("what was added is there after the page was closed, and nothing in its entry names the patient", async () => {
  const indexedDB = new IDBFactory();
  const first = await openOutbox({ indexedDB });
  const file = segFile();
  // A view into a larger buffer, as a multipart body gives.
  const wide = new Uint8Array(file.byteLength + 100);
  wide.set(file, 50);
  const entry = await first.add({ ...outboxFile(), bytes: wide.subarray(50, 50 + file.byteLength) }, "/dicom-web");
  first.close();

  const again = await openOutbox({ indexedDB });
  const listed = await again.list();
  expect(listed).toEqual([entry]);
  expect(JSON.stringify(listed)).not.toMatch(/secret/i);
  expect(entry).toMatchObject({ sopInstanceUid: "1.2.3.4", studyInstanceUid: "1.2", byteLength: file.byteLength });
  const kept = await again.fileOf(entry.id);
  expect(kept).toEqual(file);
  expect(kept?.buffer.byteLength).toBe(file.byteLength);
});

test("the same object for the same destination is kept once, another destination is another entry", async () => {
  const outbox = await openOutbox({ indexedDB: new IDBFactory() });
  await outbox.add(outboxFile(), "/a");
  await outbox.add(outboxFile(), "/a");
  await outbox.add(outboxFile(), "/b");
  await outbox.add(outboxFile("1.2.3.5"), "/a");
  const entries = await outbox.list();
  expect(entries.map((entry) => `${entry.destination} ${entry.sopInstanceUid}`).sort()).toEqual([
    "/a 1.2.3.4",
    "/a 1.2.3.5",
    "/b 1.2.3.4",
  ]);
  await outbox.remove(entries[0]!.id);
  expect(await outbox.list()).toHaveLength(2);
  expect(await outbox.fileOf(entries[0]!.id)).toBeUndefined();
});

test("retry stores the same bytes, reads them back, and only then forgets them", async () => {
  const outbox = await openOutbox({ indexedDB: new IDBFactory() });
  const file = outboxFile();
  const { id } = await outbox.add(file, "/a");
  const client = archive();
  client.failure = new RefineError("dicomweb", "The server failed (HTTP 503).");
  await expect(outbox.retry(id, client)).rejects.toBe(client.failure);
  await expect(outbox.retry(id, client)).rejects.toBe(client.failure);
  expect(await outbox.list()).toMatchObject([{ attempts: 2, lastFailure: "The server failed (HTTP 503)." }]);

  client.failure = undefined;
  expect(await outbox.retry(id, client)).toEqual({ frames: 1, pixels: 16 });
  expect(client.stored).toEqual([file.bytes]);
  expect(await outbox.list()).toEqual([]);
  const gone: unknown = await outbox.retry(id, client).catch((error: unknown) => error);
  expect(isRefineError(gone, "configuration")).toBe(true);
});

test.each([
  ["a pixel", { PixelData: Uint8Array.of(0xab, 0xaa) }],
  ["a segment's name", { SegmentSequence: [{ SegmentNumber: 1, SegmentLabel: "Spleen" }] }],
  ["the instance", { SOPInstanceUID: "1.2.3.9" }],
])("an archive that changes %s leaves the entry where it is", async (_, change) => {
  const outbox = await openOutbox({ indexedDB: new IDBFactory() });
  const { id } = await outbox.add(outboxFile(), "/a");
  const client = archive();
  client.change = (file) => writePart10({ ...readPart10(file).dataset, ...change });
  const error: unknown = await outbox.retry(id, client).catch((reason: unknown) => reason);
  expect(isRefineError(error, "seg-encoding")).toBe(true);
  expect(await outbox.list()).toMatchObject([{ attempts: 1, lastFailure: expect.stringContaining("archive") }]);
});

test("coerced patient attributes and another transfer syntax are no difference", async () => {
  const outbox = await openOutbox({ indexedDB: new IDBFactory() });
  const { id } = await outbox.add(outboxFile(), "/a");
  const client = archive();
  client.change = (file) =>
    writePart10({ ...readPart10(file).dataset, PatientID: "coerced" }, { transferSyntaxUid: "1.2.840.10008.1.2.1.99" });
  await outbox.retry(id, client);
  expect(await outbox.list()).toEqual([]);
});

test("a cancelled attempt rejects with the caller's reason, is not counted and reaches the client", async () => {
  const outbox = await openOutbox({ indexedDB: new IDBFactory() });
  const { id } = await outbox.add(outboxFile(), "/a");
  const controller = new AbortController();
  const reason = new Error("closed");
  const client: StoringClient = {
    ...archive(),
    storeInstances: (_, task) => {
      controller.abort(reason);
      task?.signal?.throwIfAborted();
      return Promise.resolve([]);
    },
  };
  await expect(outbox.retry(id, client, { signal: controller.signal })).rejects.toBe(reason);
  expect(await outbox.list()).toMatchObject([{ attempts: 0 }]);
});

test("a browser without storage is told in plain words", async () => {
  const broken = {
    open: () => {
      throw new Error("A mutation operation was attempted on a database that did not allow mutations.");
    },
  };
  const error: unknown = await openOutbox({ indexedDB: broken }).catch((reason: unknown) => reason);
  expect(isRefineError(error, "configuration")).toBe(true);
  expect((error as RefineError).hint).toContain("Download");
});
