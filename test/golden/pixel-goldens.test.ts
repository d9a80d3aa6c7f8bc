// One image in every transfer syntax, read by us as pydicom reads it. The files and the values were made by
// make_pixel_goldens.py; the real files are looked for in SAMREFINE_DATA (default: ../shared/data).
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { isRefineError } from "@samrefine/core";
import { type DicomFile, numberOf, readPart10 } from "@samrefine/dicom";
import { readFrame } from "@samrefine/dicom/node";
import { describe, expect, test } from "vitest";

interface PixelFacts {
  readonly transferSyntax: string;
  /** Of all stored values, little endian, in the width that Bits Allocated says. */
  readonly sha256?: string;
  /** Instead of a digest where decoders round differently. */
  readonly values?: readonly number[];
}

const here = dirname(fileURLToPath(import.meta.url));
const data = join(process.env.SAMREFINE_DATA ?? join(here, "../../../shared/data"), "dicom");
const goldens = JSON.parse(readFileSync(join(here, "pixels/expected.json"), "utf8")) as {
  readonly files: Readonly<Record<string, PixelFacts>>;
  readonly real: Readonly<Record<string, PixelFacts>>;
};

/** Lossy JPEG: libraries differ by one in luminance and chrominance, which the conversion to RGB multiplies by 1.77. */
const TOLERANCE = 3;

async function allValues(file: DicomFile): Promise<readonly number[]> {
  const values: number[] = [];
  for (let frame = 1; frame <= (numberOf(file.dataset, "NumberOfFrames") ?? 1); frame++) {
    for (const value of (await readFrame(file, frame)).data) values.push(value);
  }
  return values;
}

async function expectValues(path: string, facts: PixelFacts): Promise<void> {
  const file = readPart10(readFileSync(path));
  expect(file.transferSyntaxUid).toBe(facts.transferSyntax);
  const values = await allValues(file);
  if (facts.values !== undefined) {
    expect(values).toHaveLength(facts.values.length);
    const worst = values.reduce((most, value, i) => Math.max(most, Math.abs(value - (facts.values?.[i] ?? 0))), 0);
    expect(worst).toBeLessThanOrEqual(TOLERANCE);
    return;
  }
  const stored = file.dataset.BitsAllocated === 16 ? Uint16Array.from(values) : Uint8Array.from(values);
  expect(createHash("sha256").update(new Uint8Array(stored.buffer)).digest("hex")).toBe(facts.sha256);
}

const unsupported = "cr-jpeg-extended-12-bit.dcm";

test.each(Object.entries(goldens.files).filter(([name]) => name !== unsupported))("%s", async (name, facts) => {
  await expectValues(join(here, "pixels", name), facts);
});

test("12-bit JPEG with loss is refused by name", async () => {
  const error: unknown = await readFrame(readPart10(readFileSync(join(here, "pixels", unsupported)))).catch((e) => e);
  expect(isRefineError(error, "unsupported-dicom")).toBe(true);
  expect((error as Error).message).toContain("12-bit JPEG with loss (transfer syntax 1.2.840.10008.1.2.4.51)");
});

const isThere = existsSync(data);
if (!isThere) console.warn(`Skipped: the real data is not there (${data}); set SAMREFINE_DATA.`);

describe.skipIf(!isThere)("real images", () => {
  test.each(Object.entries(goldens.real))("%s", async (path, facts) => {
    await expectValues(join(data, path), facts);
  });
});

/** xorshift32: the same damage in every run. */
function random(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % limit;
  };
}

test("damaged compressed pixels give values or a typed error, and the next image is right again", async () => {
  const next = random(5);
  const compressed = Object.entries(goldens.files).filter(([name]) =>
    /ct-(jpeg|htj2k|rle)|rgb-jpeg|grey-jpeg/.test(name),
  );
  for (const [name, facts] of compressed) {
    const whole = new Uint8Array(readFileSync(join(here, "pixels", name)));
    const start = whole.byteLength - 600;
    for (let run = 0; run < 12; run++) {
      const bytes = whole.slice();
      for (let n = 0; n < 4; n++) bytes[start + next(590)] = next(256);
      try {
        await readFrame(readPart10(bytes));
      } catch (error) {
        if (!isRefineError(error, "unsupported-dicom")) throw error;
      }
    }
    await expectValues(join(here, "pixels", name), facts);
  }
});
