import { isRefineError } from "@samrefine/core";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Attributes } from "./dataset/attributes.ts";
import {
  DEFLATED_EXPLICIT_LITTLE_ENDIAN,
  EXPLICIT_LITTLE_ENDIAN,
  IMPLICIT_LITTLE_ENDIAN,
  RLE_LOSSLESS,
} from "./dataset/transfer-syntax.ts";
import { decimalString } from "./dataset/write-dataset.ts";
import { readPart10, writePart10 } from "./part10.ts";
import { isUid, newUid, uidFromSeed } from "./uid.ts";

const image: Attributes = {
  SOPClassUID: "1.2.840.10008.5.1.4.1.1.2",
  SOPInstanceUID: "1.2.3.4",
  StudyInstanceUID: "1.2.3",
  SeriesInstanceUID: "1.2.3.5",
  ImageType: ["ORIGINAL", "PRIMARY", "AXIAL"],
  PatientName: "Doe^Jane",
  PatientID: "",
  Rows: 2,
  Columns: 3,
  BitsAllocated: 16,
  PixelRepresentation: 1,
  PixelPaddingValue: -2000,
  PixelSpacing: [0.488281, 0.5],
  FrameIncrementPointer: "00540010",
  ReferencedSeriesSequence: [
    { SeriesInstanceUID: "1.2.9", ReferencedInstanceSequence: [{ ReferencedSOPInstanceUID: "1.2.9.1" }] },
    {},
  ],
  "00091001": Uint8Array.of(1, 2, 3, 4),
  "00090010": "PRIVATE MAKER",
  PixelData: Uint8Array.of(1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0),
};

/** What must come back: the writer leaves Specific Character Set out for ASCII. */
function sorted(attributes: Attributes): unknown {
  return Object.fromEntries(Object.entries(attributes).sort(([a], [b]) => (a < b ? -1 : 1)));
}

describe("writePart10 and readPart10", () => {
  test.each([EXPLICIT_LITTLE_ENDIAN, DEFLATED_EXPLICIT_LITTLE_ENDIAN])("identity in %s", (transferSyntaxUid) => {
    const file = readPart10(writePart10(image, { transferSyntaxUid }));
    expect(sorted(file.dataset)).toEqual(sorted(image));
    expect(file.meta).toMatchObject({
      FileMetaInformationVersion: Uint8Array.of(0, 1),
      MediaStorageSOPInstanceUID: "1.2.3.4",
      TransferSyntaxUID: transferSyntaxUid,
    });
  });

  test("implicit little endian takes its representations from the dictionary", () => {
    const file = readPart10(writePart10(image, { transferSyntaxUid: IMPLICIT_LITTLE_ENDIAN }));
    expect(sorted(file.dataset)).toEqual(sorted(image));
  });

  test("a file that names an explicit syntax and leaves the representations out is read all the same", () => {
    const explicit = writePart10(image);
    const implicit = writePart10(image, { transferSyntaxUid: IMPLICIT_LITTLE_ENDIAN });
    // File meta information: its group length stands at byte 140 and counts from 144.
    const endOfMeta = (bytes: Uint8Array): number => 144 + new DataView(bytes.buffer).getUint32(140, true);
    const mixed = new Uint8Array([
      ...explicit.subarray(0, endOfMeta(explicit)),
      ...implicit.subarray(endOfMeta(implicit)),
    ]);
    const file = readPart10(mixed);
    expect(file.transferSyntaxUid).toBe(EXPLICIT_LITTLE_ENDIAN);
    expect(sorted(file.dataset)).toEqual(sorted(image));
  });

  test("fragments of compressed pixel data survive, padded to even length", () => {
    const PixelData = { kind: "encapsulated", offsets: [0], fragments: [Uint8Array.of(9, 8, 7)] };
    const file = readPart10(writePart10({ ...image, PixelData }, { transferSyntaxUid: RLE_LOSSLESS }));
    expect(file.dataset.PixelData).toEqual({
      kind: "encapsulated",
      offsets: [0],
      fragments: [Uint8Array.of(9, 8, 7, 0)],
    });
  });

  test.each([
    ["Müller^Jörg", "ISO_IR 100", "ISO_IR 100"],
    ["Müller^Jörg", "ISO_IR 192", "ISO_IR 192"],
    ["Müller^Jörg", undefined, "ISO_IR 192"],
    ["Yamada^Tarou=山田^太郎", "ISO 2022 IR 87", "ISO_IR 192"],
    ["Иванов^Иван", "ISO_IR 144", "ISO_IR 192"],
  ])("%s wanted in %s is written in %s", (name, wanted, written) => {
    const { dataset } = readPart10(writePart10({ ...image, PatientName: name, SpecificCharacterSet: wanted }));
    expect(dataset.PatientName).toBe(name);
    expect(dataset.SpecificCharacterSet).toBe(written);
  });

  test("names as DICOMweb gives them", () => {
    const { dataset } = readPart10(
      writePart10({ ...image, PatientName: [{ Alphabetic: "Yamada^Tarou", Ideographic: "山田^太郎" }] }),
    );
    expect(dataset.PatientName).toBe("Yamada^Tarou=山田^太郎");
  });

  test("a value that its representation cannot hold names the keyword", () => {
    for (const bad of [{ Rows: 70000 }, { Rows: "x" }, { NoSuchKeyword: 1 }, { PatientID: "x".repeat(70000) }]) {
      const keyword = Object.keys(bad)[0] ?? "";
      let error: unknown;
      try {
        writePart10({ ...image, ...bad });
      } catch (e) {
        error = e;
      }
      expect(isRefineError(error, "unsupported-dicom")).toBe(true);
      expect((error as Error).message).toContain(keyword);
    }
  });
});

test("a decimal string has at most 16 characters and loses as little as possible", () => {
  fc.assert(
    fc.property(fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e9, max: 1e9 }), (value) => {
      const text = decimalString(value);
      expect(text.length).toBeLessThanOrEqual(16);
      expect(Math.abs(Number(text) - value)).toBeLessThanOrEqual(Math.abs(value) * 1e-8);
    }),
  );
});

describe("damaged files", () => {
  const file = writePart10(image);

  test("every truncation is a typed error", () => {
    for (let length = 0; length < file.byteLength; length++) {
      let error: unknown;
      try {
        const { dataset } = readPart10(file.subarray(0, length));
        // Cut between two top-level elements: well formed, but not complete.
        expect(dataset.PixelData).toBeUndefined();
        continue;
      } catch (e) {
        error = e;
      }
      expect(isRefineError(error, "unsupported-dicom")).toBe(true);
    }
  });

  test.each([EXPLICIT_LITTLE_ENDIAN, DEFLATED_EXPLICIT_LITTLE_ENDIAN, IMPLICIT_LITTLE_ENDIAN])(
    "bit flips in %s give a data set or a typed error",
    (transferSyntaxUid) => {
      const whole = writePart10(image, { transferSyntaxUid });
      fc.assert(
        fc.property(fc.array(fc.nat(whole.byteLength * 8 - 1), { minLength: 1, maxLength: 8 }), (flips) => {
          const bytes = whole.slice();
          for (const bit of flips) bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
          try {
            readPart10(bytes);
          } catch (error) {
            if (!isRefineError(error, "unsupported-dicom")) throw error;
          }
        }),
        { numRuns: 500, seed: 1 },
      );
    },
  );

  test("a deflated bomb stops at the limit", () => {
    const bomb = writePart10(
      { ...image, PixelData: new Uint8Array(1 << 20) },
      { transferSyntaxUid: DEFLATED_EXPLICIT_LITTLE_ENDIAN },
    );
    expect(() => readPart10(bomb, { maximumInflatedBytes: 1 << 16 })).toThrow(/more than 65536/);
    expect(readPart10(bomb).dataset.PixelData).toHaveLength(1 << 20);
  });
});

describe("UIDs", () => {
  test("new ones are valid and differ", () => {
    const uids = Array.from({ length: 200 }, newUid);
    expect(uids.every((uid) => isUid(uid) && uid.startsWith("2.25."))).toBe(true);
    expect(new Set(uids).size).toBe(200);
  });

  test("seeded ones depend on the seed and on every part", () => {
    expect(uidFromSeed(1, "a", 2)).toBe(uidFromSeed(1, "a", 2));
    const seen = new Set<string>();
    for (let seed = 0; seed < 20; seed++)
      for (let part = 0; part < 100; part++) seen.add(uidFromSeed(seed, "slice", part));
    seen.add(uidFromSeed(1, "1"));
    seen.add(uidFromSeed("1", 1));
    expect(seen.size).toBe(2002);
    expect([...seen].every(isUid)).toBe(true);
  });
});
