import { Readable } from "node:stream";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseMultipartType, readMultipart } from "./multipart.ts";

async function collect(chunks: readonly Uint8Array[], boundary: string): Promise<readonly Buffer[]> {
  const parts: Buffer[][] = [];
  for await (const event of readMultipart(Readable.from(chunks), boundary)) {
    if (event.kind === "part") parts.push([]);
    else if (event.kind === "data") parts.at(-1)?.push(Buffer.from(event.bytes));
  }
  return parts.map((pieces) => Buffer.concat(pieces));
}

/** Cuts a body at the given places. */
function cut(body: Buffer, places: readonly number[]): readonly Buffer[] {
  const sorted = [...new Set(places.map((place) => place % (body.length + 1)))].sort((a, b) => a - b);
  return [0, ...sorted].map((from, index) => body.subarray(from, sorted[index] ?? body.length));
}

describe("readMultipart", () => {
  it("gives the same parts however the body is cut into chunks", async () => {
    // Bytes out of few values, so that beginnings of the delimiter occur inside the data.
    const bytes = fc.array(fc.constantFrom(13, 10, 45, 98, 0), { maxLength: 40 }).map((values) => Buffer.from(values));
    await fc.assert(
      fc.asyncProperty(
        fc.array(bytes, { minLength: 1, maxLength: 4 }),
        fc.array(fc.nat({ max: 400 }), { maxLength: 12 }),
        async (parts, places) => {
          fc.pre(parts.every((part) => !part.includes("--bb")));
          const body = Buffer.concat([
            ...parts.flatMap((part) => [Buffer.from("--bb\r\nContent-Type: x\r\n\r\n"), part, Buffer.from("\r\n")]),
            Buffer.from("--bb--"),
          ]);
          expect(await collect(cut(body, places), "bb")).toEqual(parts);
        },
      ),
      { numRuns: 200 },
    );
  });

  it("passes over a preamble and an epilogue", async () => {
    const body = Buffer.from("hello\r\n--b\r\n\r\ndata\r\n--b--\r\nbye");
    expect((await collect([body], "b")).map(String)).toEqual(["data"]);
  });

  it("says when the end is missing", async () => {
    await expect(collect([Buffer.from("--b\r\n\r\ndata")], "b")).rejects.toMatchObject({ code: "dicomweb" });
  });
});

describe("parseMultipartType", () => {
  it.each([
    ['multipart/related; type="application/dicom"; boundary=abc', { type: "application/dicom", boundary: "abc" }],
    ['multipart/related;boundary="a b";type=application/dicom', { type: "application/dicom", boundary: "a b" }],
    ["multipart/related; boundary=abc", { type: undefined, boundary: "abc" }],
    ["multipart/form-data; boundary=abc", undefined],
    ["multipart/related", undefined],
    [undefined, undefined],
  ])("reads %s", (header, expected) => {
    expect(parseMultipartType(header)).toEqual(expected);
  });
});
