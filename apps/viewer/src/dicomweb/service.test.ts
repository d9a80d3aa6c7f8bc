import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { receiveParts, runService, sendParts } from "../testing/running-service.ts";
import {
  type SmallInstance,
  seriesUid,
  smallFile,
  studyUid,
  temporaryFolder,
  writeInstances,
} from "../testing/small-instances.ts";

type Json = Readonly<
  Record<
    string,
    {
      readonly vr: string;
      readonly Value?: readonly unknown[];
      readonly BulkDataURI?: string;
      readonly InlineBinary?: string;
    }
  >
>;

async function getJson(url: string): Promise<readonly Json[]> {
  const response = await fetch(url);
  expect(response.status).toBe(200);
  expect(response.headers.get("content-type")).toBe("application/dicom+json");
  return (await response.json()) as readonly Json[];
}

const first = (dataSet: Json | undefined, tag: string): unknown => dataSet?.[tag]?.Value?.[0];

const twoStudies: readonly SmallInstance[] = [
  { sopUid: "1.2.3.1.1.2", instanceNumber: 2 },
  { sopUid: "1.2.3.1.1.1", instanceNumber: 1 },
  { sopUid: "1.2.3.1.9.1", seriesUid: "1.2.3.1.9", seriesNumber: 99, modality: "SEG" },
  {
    sopUid: "1.2.3.2.1.1",
    studyUid: "1.2.3.2",
    seriesUid: "1.2.3.2.1",
    patientName: "Other^Olga",
    studyDate: "20200101",
    modality: "CT",
  },
];

describe("queries", () => {
  it("list studies newest first with counts and modalities", async () => {
    await using folder = await temporaryFolder();
    await writeInstances(folder.path, twoStudies);
    await using service = await runService(folder.path);
    const studies = await getJson(`${service.root}/studies`);
    expect(studies.map((study) => first(study, "0020000D"))).toEqual([studyUid, "1.2.3.2"]);
    expect(studies[0]?.["00080061"]?.Value).toEqual(["OT", "SEG"]);
    expect([first(studies[0], "00201206"), first(studies[0], "00201208")]).toEqual([2, 3]);
    expect(first(studies[0], "00100010")).toEqual({ Alphabetic: "Test^Tess" });
  });

  it.each([
    ["PatientName=*tess*", [studyUid]],
    ["00100010=other*", ["1.2.3.2"]],
    ["PatientName=other", []],
    ["StudyDate=20200101-20201231", ["1.2.3.2"]],
    ["StudyDate=-2020", ["1.2.3.2"]],
    ["StudyDate=20240229", [studyUid]],
    ["ModalitiesInStudy=CT", ["1.2.3.2"]],
    ["ModalitiesInStudy=CT,SEG", [studyUid, "1.2.3.2"]],
    [`StudyInstanceUID=${studyUid},9.9`, [studyUid]],
    ["PatientID=T?&limit=1", [studyUid]],
    ["limit=1&offset=1", ["1.2.3.2"]],
    ["AccessionNumber=X", []],
  ])("match %s", async (search, expected) => {
    await using folder = await temporaryFolder();
    await writeInstances(folder.path, twoStudies);
    await using service = await runService(folder.path);
    const studies = await getJson(`${service.root}/studies?${search}`);
    expect(studies.map((study) => first(study, "0020000D"))).toEqual(expected);
  });

  it("say what they did not do, and how much is left", async () => {
    await using folder = await temporaryFolder();
    await writeInstances(folder.path, twoStudies);
    await using service = await runService(folder.path);
    const response = await fetch(`${service.root}/studies?limit=1&PixelSpacing=1&fuzzymatching=true`);
    const warning = response.headers.get("warning") ?? "";
    expect(warning).toContain("1 additional results");
    expect(warning).toContain("PixelSpacing");
    expect(warning).toContain("fuzzy");
  });

  it("return what includefield asks for", async () => {
    await using folder = await temporaryFolder();
    await writeInstances(folder.path, [{ sopUid: "1.2.3.1.1.1", extra: { Manufacturer: "Maker" } }]);
    await using service = await runService(folder.path);
    const [plain] = await getJson(`${service.root}/studies/${studyUid}/series`);
    const [more] = await getJson(`${service.root}/studies/${studyUid}/series?includefield=Manufacturer`);
    expect(plain?.["00080070"]).toBeUndefined();
    expect(first(more, "00080070")).toBe("Maker");
  });

  it("list series by number and instances by number, at every address", async () => {
    await using folder = await temporaryFolder();
    await writeInstances(folder.path, twoStudies);
    await using service = await runService(folder.path);
    const series = await getJson(`${service.root}/studies/${studyUid}/series`);
    expect(series.map((one) => first(one, "0020000E"))).toEqual([seriesUid, "1.2.3.1.9"]);
    const instances = await getJson(`${service.root}/studies/${studyUid}/series/${seriesUid}/instances`);
    expect(instances.map((one) => first(one, "00080018"))).toEqual(["1.2.3.1.1.1", "1.2.3.1.1.2"]);
    expect(await getJson(`${service.root}/instances?Modality=SEG`)).toHaveLength(1);
    expect(await getJson(`${service.root}/series`)).toHaveLength(3);
  });
});

describe("the folder", () => {
  it("is read with its sub-folders; other and damaged files are passed over", async () => {
    await using folder = await temporaryFolder();
    await mkdir(join(folder.path, "deep", "deeper"), { recursive: true });
    await writeInstances(join(folder.path, "deep", "deeper"), twoStudies.slice(0, 1));
    await writeFile(join(folder.path, "notes.txt"), "not DICOM");
    const whole = smallFile({ sopUid: "1.2.3.1.1.7" });
    await writeFile(join(folder.path, "cut.dcm"), whole.subarray(0, 200));
    await using service = await runService(folder.path);
    expect(await getJson(`${service.root}/instances`)).toHaveLength(1);
  });
});

describe("metadata", () => {
  it("gives text in UTF-8, numbers as numbers, binaries by size", async () => {
    await using folder = await temporaryFolder();
    const extra = {
      SpecificCharacterSet: "ISO_IR 100",
      PatientName: "Müller^Jörg",
      PixelSpacing: [0.5, 0.25],
      RedPaletteColorLookupTableData: new Uint8Array([1, 2, 3, 4]),
      ReferencedSeriesSequence: [{ SeriesInstanceUID: "1.2.9" }],
    };
    await writeInstances(folder.path, [{ sopUid: "1.2.3.1.1.1", pixels: new Uint8Array(6), extra }]);
    await using service = await runService(folder.path);
    const [metadata] = await getJson(`${service.root}/studies/${studyUid}/metadata`);
    expect(first(metadata, "00100010")).toEqual({ Alphabetic: "Müller^Jörg" });
    expect(first(metadata, "00080005")).toBe("ISO_IR 192");
    expect(metadata?.["00280030"]?.Value).toEqual([0.5, 0.25]);
    expect(metadata?.["00281201"]?.InlineBinary).toBe("AQIDBA==");
    expect(first(metadata, "00081115")).toEqual({ "0020000E": { vr: "UI", Value: ["1.2.9"] } });
    const bulk = metadata?.["7FE00010"]?.BulkDataURI ?? "";
    const [pixels] = await receiveParts(await fetch(bulk));
    expect(pixels?.body).toEqual(Buffer.alloc(6));
  });
});

describe("frames", () => {
  const address = (root: string, list: string): string =>
    `${root}/studies/${studyUid}/series/${seriesUid}/instances/1.2.3.1.1.1/frames/${list}`;

  it("are cut out of uncompressed pixels", async () => {
    await using folder = await temporaryFolder();
    const pixels = Uint8Array.from({ length: 18 }, (_, index) => index);
    await writeInstances(folder.path, [{ sopUid: "1.2.3.1.1.1", frames: 3, pixels }]);
    await using service = await runService(folder.path);
    const parts = await receiveParts(await fetch(address(service.root, "3,1")));
    expect(parts.map((part) => [...part.body])).toEqual([
      [12, 13, 14, 15, 16, 17],
      [0, 1, 2, 3, 4, 5],
    ]);
    expect(parts[0]?.contentType).toBe("application/octet-stream; transfer-syntax=1.2.840.10008.1.2.1");
  });

  it("of one bit per pixel are aligned to a byte each", async () => {
    await using folder = await temporaryFolder();
    // Three frames of six bits: 111000, 010101, 110011, lowest bit first, without padding between them.
    const bits = "111000010101110011";
    const pixels = new Uint8Array(4);
    for (const [index, bit] of [...bits].entries()) {
      if (bit === "1") pixels[index >> 3] = (pixels[index >> 3] ?? 0) | (1 << (index & 7));
    }
    await writeInstances(folder.path, [{ sopUid: "1.2.3.1.1.1", frames: 3, bitsAllocated: 1, pixels }]);
    await using service = await runService(folder.path);
    const parts = await receiveParts(await fetch(address(service.root, "1,2,3")));
    const asBits = parts.map((part) =>
      Array.from({ length: 6 }, (_, index) => ((part.body[0] ?? 0) >> index) & 1).join(""),
    );
    expect(asBits).toEqual(["111000", "010101", "110011"]);
  });

  it.each([
    [
      "a fragment each",
      [],
      [
        [1, 2],
        [3, 4, 5, 6],
      ],
      [
        [1, 2],
        [3, 4, 5, 6],
      ],
    ],
    [
      "an offset table",
      [0, 20],
      [
        [1, 2],
        [3, 4],
        [5, 6],
      ],
      [
        [1, 2, 3, 4],
        [5, 6],
      ],
    ],
    [
      "the codestreams' first bytes",
      [],
      [
        [0xff, 0xd8],
        [1, 2],
        [0xff, 0xd8, 3, 4],
      ],
      [
        [0xff, 0xd8, 1, 2],
        [0xff, 0xd8, 3, 4],
      ],
    ],
  ])("of JPEG-LS are found by %s", async (_name, offsets, fragments, expected) => {
    await using folder = await temporaryFolder();
    const transferSyntaxUid = "1.2.840.10008.1.2.4.80";
    const pixels = {
      kind: "encapsulated" as const,
      offsets,
      fragments: fragments.map((bytes) => Uint8Array.from(bytes)),
    };
    await writeInstances(folder.path, [{ sopUid: "1.2.3.1.1.1", frames: 2, transferSyntaxUid, pixels }]);
    await using service = await runService(folder.path);
    const parts = await receiveParts(await fetch(address(service.root, "1,2")));
    expect(parts.map((part) => [...part.body])).toEqual(expected);
    expect(parts[0]?.contentType).toBe(`image/jls; transfer-syntax=${transferSyntaxUid}`);
  });

  it("that cannot be told apart are an error in words, not a wrong image", async () => {
    await using folder = await temporaryFolder();
    const fragments = [
      [1, 2],
      [3, 4],
      [5, 6],
    ].map((bytes) => Uint8Array.from(bytes));
    const pixels = { kind: "encapsulated" as const, offsets: [], fragments };
    const transferSyntaxUid = "1.2.840.10008.1.2.4.80";
    await writeInstances(folder.path, [{ sopUid: "1.2.3.1.1.1", frames: 2, transferSyntaxUid, pixels }]);
    await using service = await runService(folder.path);
    const response = await fetch(address(service.root, "1"));
    expect(response.status).toBe(500);
    expect(await response.text()).toContain("offset table");
  });

  it("of a deflated file come inflated", async () => {
    await using folder = await temporaryFolder();
    const pixels = Uint8Array.of(9, 8, 7, 6, 5, 4);
    const transferSyntaxUid = "1.2.840.10008.1.2.1.99";
    await writeInstances(folder.path, [{ sopUid: "1.2.3.1.1.1", transferSyntaxUid, pixels }]);
    await using service = await runService(folder.path);
    const [part] = await receiveParts(await fetch(address(service.root, "1")));
    expect([...(part?.body ?? [])]).toEqual([9, 8, 7, 6, 5, 4]);
    expect(part?.contentType).toContain("transfer-syntax=1.2.840.10008.1.2.1");
    expect(part?.contentType).not.toContain("1.99");
  });

  it.each([
    ["0", 404],
    ["2", 404],
    ["one", 400],
  ])("number %s is refused with %i", async (list, status) => {
    await using folder = await temporaryFolder();
    await writeInstances(folder.path, [{ sopUid: "1.2.3.1.1.1", pixels: new Uint8Array(6) }]);
    await using service = await runService(folder.path);
    expect((await fetch(address(service.root, list))).status).toBe(status);
  });
});

describe("retrieval of whole instances", () => {
  it("returns the files byte for byte", async () => {
    await using folder = await temporaryFolder();
    await writeInstances(folder.path, twoStudies);
    await using service = await runService(folder.path);
    const parts = await receiveParts(await fetch(`${service.root}/studies/${studyUid}`));
    expect(parts).toHaveLength(3);
    const single = await fetch(`${service.root}/studies/1.2.3.2/series/1.2.3.2.1/instances/1.2.3.2.1.1`, {
      headers: { Accept: "application/dicom" },
    });
    expect(Buffer.from(await single.arrayBuffer())).toEqual(Buffer.from(smallFile(twoStudies[3] as SmallInstance)));
  });

  it.each([
    "studies/9.9",
    "studies/9.9/metadata",
    `studies/${studyUid}/series/9/instances/1.2.3.1.1.1`,
    "studies/../x",
  ])("answers %s with 404", async (path) => {
    await using folder = await temporaryFolder();
    await writeInstances(folder.path, twoStudies);
    await using service = await runService(folder.path);
    expect((await fetch(`${service.root}/${path}`)).status).toBe(404);
  });
});

describe("storing", () => {
  it("keeps the file, answers where it is, and shows it at once and after a restart", async () => {
    await using folder = await temporaryFolder();
    await using service = await runService(folder.path);
    const file = smallFile({ sopUid: "1.2.3.1.1.5" });
    const response = await sendParts(service.root, [file]);
    expect(response.status).toBe(200);
    const body = (await response.json()) as Json;
    const stored = first(body, "00081199") as Json;
    expect(first(stored, "00081155")).toBe("1.2.3.1.1.5");
    const [part] = await receiveParts(await fetch(String(first(stored, "00081190"))));
    expect(part?.body).toEqual(Buffer.from(file));
    await using again = await runService(folder.path);
    expect(await getJson(`${again.root}/instances`)).toHaveLength(1);
  });

  it("takes the same file twice, and refuses another under its UID", async () => {
    await using folder = await temporaryFolder();
    await using service = await runService(folder.path);
    const file = smallFile({ sopUid: "1.2.3.1.1.5" });
    await sendParts(service.root, [file]);
    expect((await sendParts(service.root, [file])).status).toBe(200);
    const other = await sendParts(service.root, [smallFile({ sopUid: "1.2.3.1.1.5", patientName: "Someone^Else" })]);
    expect(other.status).toBe(409);
    expect(first(first((await other.json()) as Json, "00081198") as Json, "00081197")).toBe(0x0111);
    const [metadata] = await getJson(`${service.root}/studies/${studyUid}/metadata`);
    expect(first(metadata, "00100010")).toEqual({ Alphabetic: "Test^Tess" });
  });

  it("stores what is whole beside what is not, and says which is which", async () => {
    await using folder = await temporaryFolder();
    await using service = await runService(folder.path);
    const response = await sendParts(service.root, [
      Buffer.from("this is no DICOM"),
      smallFile({ sopUid: "1.2.3.1.1.5" }),
    ]);
    expect(response.status).toBe(202);
    const body = (await response.json()) as Json;
    expect(first(first(body, "00081198") as Json, "00081197")).toBe(0xc000);
    expect(first(first(body, "00081199") as Json, "00081155")).toBe("1.2.3.1.1.5");
  });

  it("refuses an instance of another study than the address names", async () => {
    await using folder = await temporaryFolder();
    await using service = await runService(folder.path);
    const response = await sendParts(service.root, [smallFile({ sopUid: "1.2.3.1.1.5" })], { path: "studies/9.9" });
    expect(response.status).toBe(409);
    expect(await getJson(`${service.root}/instances`)).toHaveLength(0);
  });

  it("leaves nothing behind when the transfer breaks off", async () => {
    await using folder = await temporaryFolder();
    await using service = await runService(folder.path);
    const response = await sendParts(service.root, [smallFile({ sopUid: "1.2.3.1.1.5" })], { truncate: true });
    expect(response.status).toBe(400);
    const left = await readdir(service.storeDirectory, { recursive: true });
    expect(left.filter((name) => !name.endsWith(".incoming"))).toEqual([]);
  });

  it.each([
    ["application/dicom", 415],
    ['multipart/related; type="application/dicom+json"; boundary=edge', 415],
    ["multipart/related", 415],
  ])("of %s is refused with %i", async (contentType, status) => {
    await using folder = await temporaryFolder();
    await using service = await runService(folder.path);
    const response = await fetch(`${service.root}/studies`, {
      method: "POST",
      headers: { "Content-Type": contentType },
      body: "--edge--\r\n",
    });
    expect(response.status).toBe(status);
  });

  it("of nothing is refused", async () => {
    await using folder = await temporaryFolder();
    await using service = await runService(folder.path);
    expect((await sendParts(service.root, [])).status).toBe(400);
  });
});
