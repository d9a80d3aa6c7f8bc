// The DICOMweb client against a server over real sockets that behaves as servers do on a bad day.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { isRefineError, type RefineError } from "@samrefine/core";
import {
  boundaryOf,
  createDicomWebClient,
  type DicomWebClient,
  MultipartSplitter,
  multipartOfFiles,
  writePart10,
} from "@samrefine/dicom";
import fc from "fast-check";
import { afterEach, describe, expect, test } from "vitest";

const address = { studyInstanceUid: "1.2.3", seriesInstanceUid: "1.2.3.4", sopInstanceUid: "1.2.3.4.5" };
const file = writePart10({
  SOPClassUID: "1.2.840.10008.5.1.4.1.1.66.4",
  SOPInstanceUID: address.sopInstanceUid,
  StudyInstanceUID: address.studyInstanceUid,
  SeriesInstanceUID: address.seriesInstanceUid,
  PixelData: new Uint8Array(5000).map((_, i) => i % 251),
});

let server: Server | undefined;

afterEach(() => {
  server?.closeAllConnections();
  server?.close();
  server = undefined;
});

type Answer = (request: IncomingMessage, response: ServerResponse) => void | Promise<void>;

async function clientFor(answer: Answer, idleTimeoutMs = 2000): Promise<DicomWebClient> {
  const started = createServer((request, response) => {
    // A test whose answer fails sees a broken connection, as with a real server.
    Promise.resolve(answer(request, response)).catch(() => response.destroy());
  });
  server = started;
  await new Promise<void>((resolve) => started.listen(0, "127.0.0.1", resolve));
  const { port } = started.address() as AddressInfo;
  return createDicomWebClient({
    root: `http://127.0.0.1:${port}/dicom-web/`,
    fetch,
    idleTimeoutMs,
    retries: 2,
    retryDelayMs: 5,
    headers: () => ({ Authorization: "Bearer x" }),
  });
}

async function bodyOf(request: IncomingMessage): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of request) chunks.push(chunk as Uint8Array);
  return Buffer.concat(chunks);
}

async function errorOf(action: Promise<unknown>): Promise<RefineError> {
  const error = await action.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!isRefineError(error, "dicomweb")) throw new Error(`no dicomweb error: ${String(error)}`);
  return error;
}

function storeReport(failureReason?: number): string {
  const item = {
    "00081150": { vr: "UI", Value: ["1.2.840.10008.5.1.4.1.1.66.4"] },
    "00081155": { vr: "UI", Value: [address.sopInstanceUid] },
  };
  if (failureReason === undefined) return JSON.stringify({ "00081199": { vr: "SQ", Value: [item] } });
  const failed = { ...item, "00081197": { vr: "US", Value: [failureReason] } };
  return JSON.stringify({ "00081198": { vr: "SQ", Value: [failed] } });
}

/** Announces the whole body, sends half of it and drops the connection. */
function cutInHalf(response: ServerResponse, body: string): void {
  response.writeHead(200, { "Content-Type": "application/dicom+json", "Content-Length": body.length });
  response.write(body.slice(0, body.length / 2));
  setTimeout(() => response.destroy(), 5);
}

describe("store", () => {
  test("sends the file as it is and reports it stored", async () => {
    let received: Uint8Array | undefined;
    const client = await clientFor(async (request, response) => {
      expect(request.url).toBe("/dicom-web/studies/1.2.3");
      expect(request.headers.authorization).toBe("Bearer x");
      const splitter = new MultipartSplitter(boundaryOf(request.headers["content-type"] ?? "") ?? "");
      const [part] = splitter.push(await bodyOf(request));
      splitter.finish();
      expect(part?.contentType).toBe("application/dicom");
      received = part?.body;
      response.writeHead(200, { "Content-Type": "application/dicom+json" }).end(storeReport());
    });
    expect(await client.storeInstances([file])).toEqual([{ ...address, outcome: "stored", warning: undefined }]);
    expect(received).toEqual(new Uint8Array(file));
  });

  test.each([500, 502, 503, 429])("HTTP %i is tried again until it works", async (status) => {
    let calls = 0;
    const client = await clientFor(async (request, response) => {
      await bodyOf(request);
      calls++;
      if (calls < 3) response.writeHead(status).end();
      else response.writeHead(200).end(storeReport());
    });
    expect((await client.storeInstances([file]))[0]?.outcome).toBe("stored");
    expect(calls).toBe(3);
  });

  test.each([400, 401, 403, 404, 413])("HTTP %i is told at once", async (status) => {
    let calls = 0;
    const client = await clientFor(async (request, response) => {
      await bodyOf(request);
      calls++;
      response.writeHead(status).end("no");
    });
    const error = await errorOf(client.storeInstances([file]));
    expect(error.details.status).toBe(status);
    expect(error.hint).not.toBe("");
    expect(calls).toBe(1);
  });

  test("a server that keeps failing is given up on, with its status", async () => {
    let calls = 0;
    const client = await clientFor(async (request, response) => {
      await bodyOf(request);
      calls++;
      response.writeHead(500).end();
    });
    expect((await errorOf(client.storeInstances([file]))).details.status).toBe(500);
    expect(calls).toBe(3);
  });

  test("an answer that was lost: the repetition is a duplicate, which counts as stored", async () => {
    let calls = 0;
    const client = await clientFor(async (request, response) => {
      await bodyOf(request);
      calls++;
      if (calls === 1) request.socket.destroy();
      else response.writeHead(409, { "Content-Type": "application/dicom+json" }).end(storeReport(0x0111));
    });
    expect((await client.storeInstances([file]))[0]?.outcome).toBe("already-stored");
  });

  test("an answer cut in half is no success: the repetition is a duplicate, which counts as stored", async () => {
    let calls = 0;
    const client = await clientFor(async (request, response) => {
      calls++;
      await bodyOf(request);
      if (calls === 1) cutInHalf(response, storeReport());
      else response.writeHead(409, { "Content-Type": "application/dicom+json" }).end(storeReport(0x0111));
    });
    expect((await client.storeInstances([file]))[0]?.outcome).toBe("already-stored");
    expect(calls).toBe(2);
  });

  test("a report cut in half each time is given up on", async () => {
    let calls = 0;
    const client = await clientFor(async (request, response) => {
      calls++;
      await bodyOf(request);
      cutInHalf(response, storeReport());
    });
    await errorOf(client.storeInstances([file]));
    expect(calls).toBe(3);
  });

  test("409 without a word: the server is asked whether it has the instance", async () => {
    for (const isThere of [true, false]) {
      const client = await clientFor(async (request, response) => {
        await bodyOf(request);
        if (request.method === "POST") response.writeHead(409).end();
        else {
          expect(request.url).toContain("SOPInstanceUID=1.2.3.4.5");
          const found = [{ "00080018": { vr: "UI", Value: [address.sopInstanceUid] } }];
          response
            .writeHead(200, { "Content-Type": "application/dicom+json" })
            .end(JSON.stringify(isThere ? found : []));
        }
      });
      if (isThere) expect((await client.storeInstances([file]))[0]?.outcome).toBe("already-stored");
      else expect((await errorOf(client.storeInstances([file]))).details.status).toBe(409);
    }
  });

  test("the failure reason of the server is passed on", async () => {
    const client = await clientFor(async (request, response) => {
      await bodyOf(request);
      if (request.method === "POST") response.writeHead(409).end(storeReport(0x0122));
      else response.writeHead(204).end();
    });
    const error = await errorOf(client.storeInstances([file]));
    expect(error.message).toContain("SOP class not supported (0x0122)");
    expect(error.details.sopInstanceUids).toEqual([address.sopInstanceUid]);
  });
});

describe("bad connections", () => {
  test("a server that says nothing times out", async () => {
    const client = await clientFor(() => {}, 50);
    expect((await errorOf(client.searchStudies())).details.reason).toBe("timeout");
  });

  test("half an answer is tried again and then refused", async () => {
    let calls = 0;
    const client = await clientFor((_, response) => {
      calls++;
      response.writeHead(200, { "Content-Type": "application/dicom+json", "Content-Length": "1000" });
      response.write('[{"0008');
      setTimeout(() => response.destroy(), 5);
    });
    expect((await errorOf(client.searchStudies())).details.reason).toBe("connection");
    expect(calls).toBe(3);
  });

  test("nobody listens", async () => {
    const client = await clientFor(() => {});
    server?.close();
    server?.closeAllConnections();
    expect((await errorOf(client.searchStudies())).details.reason).toBe("connection");
  });

  test("an HTML page instead of JSON", async () => {
    const client = await clientFor((_, response) => {
      response.writeHead(200, { "Content-Type": "text/html" }).end("<html>login</html>");
    });
    expect((await errorOf(client.searchStudies())).message).toContain("text/html");
  });

  test("aborting rejects with the caller's reason, also between repetitions", async () => {
    const reason = new Error("closed by the user");
    const controller = new AbortController();
    const client = await clientFor((_, response) => {
      response.writeHead(500).end();
      controller.abort(reason);
    });
    await expect(client.searchStudies({}, { signal: controller.signal })).rejects.toBe(reason);
  });
});

describe("search and retrieve", () => {
  test("queries are encoded, answers come by keyword", async () => {
    const client = await clientFor((request, response) => {
      expect(request.url).toBe("/dicom-web/studies?PatientID=a%20b%26c&limit=5");
      const study = {
        "00100010": { vr: "PN", Value: [{ Alphabetic: "Doe^Jane", Ideographic: "山" }] },
        "00100020": { vr: "LO", Value: ["a b&c"] },
        "00201208": { vr: "IS", Value: ["12"] },
        "00081115": { vr: "SQ", Value: [{ "0020000E": { vr: "UI", Value: ["1.2"] } }] },
        "00080061": { vr: "CS" },
      };
      response.writeHead(200, { "Content-Type": "application/dicom+json" }).end(JSON.stringify([study]));
    });
    expect(await client.searchStudies({ PatientID: "a b&c", limit: 5 })).toEqual([
      {
        PatientName: "Doe^Jane=山",
        PatientID: "a b&c",
        NumberOfStudyRelatedInstances: 12,
        ReferencedSeriesSequence: [{ SeriesInstanceUID: "1.2" }],
        ModalitiesInStudy: "",
      },
    ]);
  });

  test("nothing found may be 204", async () => {
    const client = await clientFor((_, response) => {
      response.writeHead(204).end();
    });
    expect(await client.searchInstances("1.2", "1.3")).toEqual([]);
  });

  test("instances come out of multipart, one or many, and a cut series is an error", async () => {
    const second = writePart10({ SOPClassUID: "1.2.3", SOPInstanceUID: "1.2.99" });
    const body = multipartOfFiles([file, second], "xyz");
    let cut = body.byteLength;
    const client = await clientFor((_, response) => {
      response.writeHead(200, { "Content-Type": 'multipart/related; type="application/dicom"; boundary="xyz"' });
      for (let at = 0; at < cut; at += 700) response.write(body.subarray(at, Math.min(at + 700, cut)));
      response.end();
    });
    expect(await client.retrieveInstance(address)).toEqual(new Uint8Array(file));
    const files: Uint8Array[] = [];
    for await (const part of client.retrieveSeries("1.2", "1.3")) files.push(part);
    expect(files).toEqual([new Uint8Array(file), new Uint8Array(second)]);

    cut = body.byteLength - 40;
    const iterate = async (): Promise<void> => {
      for await (const part of client.retrieveSeries("1.2", "1.3")) expect(part).toEqual(new Uint8Array(file));
    };
    expect((await errorOf(iterate())).message).toContain("closing boundary");
  });
});

test("a multipart body comes apart the same however it is cut", () => {
  const bytes = fc.uint8Array({ maxLength: 60 });
  fc.assert(
    fc.property(fc.array(bytes, { minLength: 1, maxLength: 4 }), fc.integer({ min: 1, max: 50 }), (parts, step) => {
      // Bytes that look like parts of a delimiter.
      const files = parts.map((part) => part.map((byte) => [0x0d, 0x0a, 0x2d, 0x62, byte][byte % 5] ?? byte));
      const body = multipartOfFiles(files, "b123456");
      const splitter = new MultipartSplitter("b123456");
      const found: Uint8Array[] = [];
      for (let at = 0; at < body.byteLength; at += step) {
        for (const part of splitter.push(body.subarray(at, at + step))) found.push(part.body);
      }
      splitter.finish();
      expect(found.map((part) => [...part])).toEqual(files.map((part) => [...part]));
    }),
    { numRuns: 300 },
  );
});
