import { isRefineError } from "@samrefine/core";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Attributes } from "../dataset/attributes.ts";
import { readPart10, writePart10 } from "../part10.ts";
import { seriesFromInstances } from "../series/series.ts";
import { framesOf, type SourceInstance, sourceInstanceOf, type Vector3 } from "../series/source-instance.ts";
import { thrownBy } from "../testing/thrown-by.ts";
import { uidFromSeed } from "../uid.ts";
import { decodeSeg } from "./decode.ts";
import { encodeSeg } from "./encode.ts";
import { matchToSeries } from "./match.ts";
import type { SegKind, SegRequest, SegSegment } from "./types.ts";
import { verifySeg } from "./verify.ts";

interface Scene {
  readonly columns: number;
  readonly rows: number;
  readonly slices: number;
  readonly segments: number;
  /** Rotation of the planes, radians about x, y, z. */
  readonly angles: Vector3;
  readonly flips: readonly [boolean, boolean, boolean];
  readonly spacing: Vector3;
  /** Shift of every slice along the columns, as a gantry tilt makes it, mm. */
  readonly tilt: number;
  /** Extra distance before each slice, mm. */
  readonly gaps: readonly number[];
  readonly origin: Vector3;
  /** All slices as frames of one file. */
  readonly isEnhanced: boolean;
  readonly seed: number;
}

/**
 * Cases of the property suite, shared by its kinds and transfer syntaxes. `npm run property:dicom -- --runs 100000` asks for
 * more, with other seeds.
 */
const { SAMREFINE_PROPERTY_RUNS, SAMREFINE_PROPERTY_SEED } =
  (globalThis as { readonly process?: { readonly env: Readonly<Record<string, string | undefined>> } }).process?.env ??
  {};
const propertyRuns = Number(SAMREFINE_PROPERTY_RUNS ?? "1020");
const propertySeed = SAMREFINE_PROPERTY_SEED === undefined ? {} : { seed: Number(SAMREFINE_PROPERTY_SEED) };

const small = fc.double({ min: -0.9, max: 0.9, noNaN: true });
const spacing = fc.double({ min: 0.1, max: 6, noNaN: true });
const coordinate = fc.double({ min: -400, max: 400, noNaN: true });

const scenes: fc.Arbitrary<Scene> = fc.record({
  columns: fc.integer({ min: 1, max: 13 }),
  rows: fc.integer({ min: 1, max: 11 }),
  slices: fc.integer({ min: 1, max: 5 }),
  segments: fc.integer({ min: 1, max: 4 }),
  angles: fc.tuple(small, small, small),
  flips: fc.tuple(fc.boolean(), fc.boolean(), fc.boolean()),
  spacing: fc.tuple(spacing, spacing, spacing),
  tilt: fc.oneof(fc.constant(0), fc.double({ min: -2, max: 2, noNaN: true })),
  gaps: fc.array(
    fc.oneof(
      { weight: 3, arbitrary: fc.constant(0) },
      { weight: 1, arbitrary: fc.double({ min: 0, max: 5, noNaN: true }) },
    ),
    {
      minLength: 5,
      maxLength: 5,
    },
  ),
  origin: fc.tuple(coordinate, coordinate, coordinate),
  isEnhanced: fc.boolean(),
  seed: fc.nat(),
});

/** z-y-x rotation; its columns are the row direction, the column direction and the normal. */
function axes([a, b, c]: Vector3): readonly [Vector3, Vector3, Vector3] {
  const [ca, sa, cb, sb, cc, sc] = [Math.cos(a), Math.sin(a), Math.cos(b), Math.sin(b), Math.cos(c), Math.sin(c)];
  return [
    [cc * cb, sc * cb, -sb],
    [cc * sb * sa - sc * ca, sc * sb * sa + cc * ca, cb * sa],
    [cc * sb * ca + sc * sa, sc * sb * ca - cc * sa, cb * ca],
  ];
}

function sourcesOf(scene: Scene): readonly SourceInstance[] {
  const [x, y, z] = axes(scene.angles);
  const signed = (v: Vector3, flip: boolean): number[] => v.map((value) => (flip ? -value : value));
  const [row, column] = [signed(x, scene.flips[0]), signed(y, scene.flips[1])];
  let distance = 0;
  const positions = Array.from({ length: scene.slices }, (_, k) => {
    distance += (k === 0 ? 0 : scene.spacing[2]) + (scene.gaps[k] ?? 0);
    const along = scene.flips[2] ? -distance : distance;
    return scene.origin.map((o, i) => o + z[i]! * along + column[i]! * scene.tilt * k);
  });
  const measures = { PixelSpacing: [scene.spacing[1], scene.spacing[0]], SliceThickness: scene.spacing[2] };
  const orientation = { ImageOrientationPatient: [...row, ...column] };
  const common: Attributes = {
    StudyInstanceUID: uidFromSeed(scene.seed, "study"),
    SeriesInstanceUID: uidFromSeed(scene.seed, "series"),
    FrameOfReferenceUID: uidFromSeed(scene.seed, "frame"),
    PatientID: "P",
    PatientName: "Test^Case",
    Modality: "CT",
    Rows: scene.rows,
    Columns: scene.columns,
  };
  // Through a file, so that the coordinates are what a file can hold.
  const throughFile = (dataset: Attributes): SourceInstance =>
    sourceInstanceOf(readPart10(writePart10(dataset)).dataset);
  if (scene.isEnhanced && scene.slices > 1) {
    const enhanced = throughFile({
      ...common,
      SOPClassUID: "1.2.840.10008.5.1.4.1.1.2.1",
      SOPInstanceUID: uidFromSeed(scene.seed, "enhanced"),
      NumberOfFrames: scene.slices,
      SharedFunctionalGroupsSequence: [{ PixelMeasuresSequence: [measures], PlaneOrientationSequence: [orientation] }],
      PerFrameFunctionalGroupsSequence: positions.map((position) => ({
        PlanePositionSequence: [{ ImagePositionPatient: position }],
      })),
    });
    return framesOf(enhanced);
  }
  return positions.map((position, k) =>
    throughFile({
      ...common,
      ...measures,
      ...orientation,
      SOPClassUID: "1.2.840.10008.5.1.4.1.1.2",
      SOPInstanceUID: uidFromSeed(scene.seed, "image", k),
      ImagePositionPatient: position,
    }),
  );
}

function segmentsOf(count: number): readonly SegSegment[] {
  const types = ["AUTOMATIC", "SEMIAUTOMATIC", "MANUAL"] as const;
  return Array.from({ length: count }, (_, i) => {
    const algorithmType = types[i % 3] ?? "MANUAL";
    return {
      number: i + 1,
      label: `Segment ${i + 1}`,
      colorRgb: [(i * 90) % 256, 200, (i * 37) % 256] as const,
      category: { value: "123037004", scheme: "SCT", meaning: "Anatomical Structure" },
      type: { value: "10200004", scheme: "SCT", meaning: "Liver" },
      algorithmType,
      ...(algorithmType === "MANUAL" ? {} : { algorithm: { name: "U-Net", version: "1.0" } }),
      trackingId: `track ${i}`,
      trackingUid: uidFromSeed("track", i),
    };
  });
}

/** Pseudo-random masks; some are empty, some absent. Label maps get disjoint ones. */
function masksOf(scene: Scene, kind: SegKind): SegRequest["masks"] {
  const pixels = scene.rows * scene.columns;
  const noise = (n: number): number => {
    let h = Math.imul(n ^ scene.seed, 0x9e3779b1);
    h = Math.imul(h ^ (h >>> 15), 0x85ebca6b);
    return (h ^ (h >>> 13)) >>> 0;
  };
  return (segment, instance) => {
    const rule = noise(segment * 1000 + instance) % 5;
    if (rule === 0 && instance > 0) return undefined;
    if (rule === 1 && instance > 0) return new Uint8Array(pixels);
    if (kind === "FRACTIONAL") {
      return Float32Array.from(
        { length: pixels },
        (_, i) => (noise(segment * 7919 + instance * 104729 + i) % 256) / 255,
      );
    }
    return Uint8Array.from({ length: pixels }, (_, i) => {
      if (kind === "LABELMAP") return noise(instance * 104729 + i) % (scene.segments + 1) === segment ? 1 : 0;
      return noise(segment * 7919 + instance * 104729 + i) & 1;
    });
  };
}

function requestOf(scene: Scene, kind: SegKind, extra: Partial<SegRequest> = {}): SegRequest {
  return {
    kind,
    sources: sourcesOf(scene),
    segments: segmentsOf(scene.segments),
    masks: masksOf(scene, kind),
    seriesDescription: "Round trip",
    seriesNumber: 7,
    created: new Date(2026, 5, 1),
    ...extra,
  };
}

/** True when the request holds nothing, which is refused by design. */
function encodeOrNothing(request: SegRequest): ReturnType<typeof encodeSeg> | undefined {
  try {
    return encodeSeg(request);
  } catch (error) {
    if (isRefineError(error, "seg-encoding") && error.message.startsWith("No segment has a single pixel"))
      return undefined;
    throw error;
  }
}

const cases = [
  ["BINARY", "explicit"],
  ["BINARY", "deflated"],
  ["LABELMAP", "explicit"],
  ["LABELMAP", "rle"],
  ["FRACTIONAL", "explicit"],
  ["FRACTIONAL", "rle"],
] as const;

describe("write and read give the same voxels in the same place", () => {
  test.each(cases)(
    "%s, %s",
    (kind, transferSyntax) => {
      fc.assert(
        fc.property(scenes, (scene) => {
          const request = requestOf(scene, kind, { transferSyntax });
          const encoded = encodeOrNothing(request);
          if (encoded === undefined) return;
          expect(verifySeg(encoded.bytes, request).frames).toBe(encoded.frameCount);

          // Laid over the series in any order: by planes, not by the order of frames or of instances.
          const reordered = [...request.sources].reverse();
          const match = matchToSeries(decodeSeg(encoded.bytes), reordered);
          if (match.kind === "refused") throw new Error(JSON.stringify(match.reasons));
          expect(match.unmatchedFrames).toEqual([]);
          for (const { number } of request.segments) {
            reordered.forEach((source, index) => {
              const asked = request.masks(number, request.sources.indexOf(source));
              const got = kind === "FRACTIONAL" ? match.probability(number, index) : match.mask(number, index);
              const nothing = asked === undefined || !asked.some((value) => value > 0);
              if (nothing) expect(got).toBeUndefined();
              else expect(got).toEqual(asked);
            });
          }
        }),
        { numRuns: Math.ceil(propertyRuns / cases.length), ...propertySeed },
      );
      // A thousand cases take seconds, a hundred thousand many minutes.
    },
    60_000 + propertyRuns * 20,
  );
});

const scene: Scene = {
  columns: 5,
  rows: 4,
  slices: 3,
  segments: 2,
  angles: [0.1, -0.3, 0.2],
  flips: [false, false, false],
  spacing: [0.7, 0.9, 2.5],
  tilt: 0,
  gaps: [0, 0, 0, 0, 0],
  origin: [10, -20, 30],
  isEnhanced: false,
  seed: 11,
};

describe("encodeSeg", () => {
  test("lists only the instances that frames use, and tells overlaps", () => {
    const request = requestOf(scene, "BINARY", {
      masks: (_, instance) => (instance === 1 ? new Uint8Array(20).fill(1) : undefined),
    });
    const { dataset } = encodeSeg(request);
    expect(dataset.SegmentsOverlap).toBe("YES");
    expect(dataset.NumberOfFrames).toBe(2);
    expect(dataset.ReferencedSeriesSequence).toEqual([
      {
        SeriesInstanceUID: request.sources[0]?.seriesInstanceUid,
        ReferencedInstanceSequence: [
          {
            ReferencedSOPClassUID: "1.2.840.10008.5.1.4.1.1.2",
            ReferencedSOPInstanceUID: request.sources[1]?.sopInstanceUid,
          },
        ],
      },
    ]);
  });

  test("a frame of a multi-frame source is referenced by its number, its file once", () => {
    const request = requestOf({ ...scene, isEnhanced: true }, "BINARY", {
      masks: (_, index) => (index === 0 ? undefined : new Uint8Array(20).fill(1)),
    });
    const { bytes, dataset } = encodeSeg(request);
    const seg = decodeSeg(bytes);
    expect(seg.frames.map((frame) => frame.sourceFrameNumber)).toEqual([2, 3, 2, 3]);
    const [series] = dataset.ReferencedSeriesSequence as { readonly ReferencedInstanceSequence: unknown[] }[];
    expect(series?.ReferencedInstanceSequence).toHaveLength(1);
    expect(
      thrownBy(() => encodeSeg({ ...request, sources: [request.sources[0]!, request.sources[0]!] })),
    ).toBeDefined();
  });

  test("a label map describes its background and names it in Pixel Padding Value", () => {
    const { dataset } = encodeSeg(requestOf(scene, "LABELMAP"));
    expect(dataset.PixelPaddingValue).toBe(0);
    expect((dataset.SegmentSequence as Attributes[])[0]).toMatchObject({
      SegmentNumber: 0,
      SegmentLabel: "Background",
    });
    expect(decodeSeg(encodeSeg(requestOf(scene, "LABELMAP")).bytes).segments.map((s) => s.number)).toEqual([1, 2]);
  });

  test.each([
    ["the segment that is named as padding is hidden", 2, undefined, [1]],
    ["without padding 0 is background", undefined, undefined, [1, 2]],
    ["coded as background but not named: hidden all the same", 5, undefined, [1, 2]],
    ["segment 0 that is something is kept", undefined, "10200004", [0, 1, 2]],
  ] as const)("reading label maps of other writers: %s", (_, padding, codeOfZero, numbers) => {
    const { bytes, dataset } = encodeSeg(requestOf(scene, "LABELMAP"));
    const { PixelData } = readPart10(bytes).dataset;
    const [zero, ...others] = dataset.SegmentSequence as Attributes[];
    const type = { CodeValue: codeOfZero, CodingSchemeDesignator: "SCT", CodeMeaning: "Liver" };
    const described = codeOfZero === undefined ? zero : { ...zero, SegmentedPropertyTypeCodeSequence: [type] };
    const file = writePart10({
      ...dataset,
      PixelData,
      PixelPaddingValue: padding,
      SegmentSequence: [described, ...others],
    });
    expect(decodeSeg(file).segments.map(({ number }) => number)).toEqual(numbers);
  });

  test("label maps may have gaps and numbers beyond 255; binary ones may not", () => {
    const segments = segmentsOf(2).map((segment, i) => ({ ...segment, number: i === 0 ? 3 : 700 }));
    const masks: SegRequest["masks"] = (n) =>
      Uint8Array.from({ length: 20 }, (_, i) => Number(i % 2 === (n === 3 ? 0 : 1)));
    for (const transferSyntax of ["explicit", "rle"] as const) {
      const request = requestOf(scene, "LABELMAP", { segments, masks, transferSyntax });
      expect(verifySeg(encodeSeg(request).bytes, request).frames).toBe(3);
    }
    expect(
      isRefineError(
        thrownBy(() => encodeSeg(requestOf(scene, "BINARY", { segments, masks }))),
        "seg-encoding",
      ),
    ).toBe(true);
  });

  test.each([
    ["overlap in a label map", { kind: "LABELMAP" as const, masks: () => new Uint8Array(20).fill(1) }],
    ["nothing segmented", { masks: () => undefined }],
    ["mask of another size", { masks: () => new Uint8Array(19) }],
    ["mask of 255", { masks: () => new Uint8Array(20).fill(255) }],
    ["no sources", { sources: [] }],
    ["no segments", { segments: [] }],
    ["an algorithm without name", { segments: segmentsOf(1).map(({ algorithm: _, ...s }) => s) }],
    ["RLE of bits", { transferSyntax: "rle" as const }],
    ["content label", { contentLabel: "lower case" }],
  ])("refuses %s", (_, extra) => {
    const kind = "kind" in extra ? extra.kind : "BINARY";
    expect(
      isRefineError(
        thrownBy(() => encodeSeg(requestOf(scene, kind, extra as Partial<SegRequest>))),
        "seg-encoding",
      ),
    ).toBe(true);
  });

  test("sources of two studies, sizes or frames of reference are refused by name", () => {
    const sources = sourcesOf(scene);
    for (const change of [
      { studyInstanceUid: "1.2" },
      { rows: 5 },
      { frameOfReferenceUid: "1.3" },
      { position: undefined },
      { numberOfFrames: 2 },
    ]) {
      const mixed = [...sources.slice(0, 2), { ...sources[2]!, ...change }];
      expect(
        isRefineError(
          thrownBy(() => encodeSeg(requestOf(scene, "BINARY", { sources: mixed }))),
          "seg-encoding",
        ),
      ).toBe(true);
    }
  });

  test("patient and study are copied, bookkeeping of metadata providers is not", () => {
    const sources = sourcesOf(scene).map((source) => ({
      ...source,
      attributes: {
        ...source.attributes,
        PatientName: [{ Alphabetic: "Müller^Jörg" }],
        OtherPatientIDsSequence: [{ PatientID: "X", _vrMap: {} }],
        StudyDescription: "Übersicht",
        PatientComments: { bulkDataUri: "x" },
        PatientWeight: 70.5,
        imageId: "wadors:1",
        PatientIdentityRemoved: "YES",
      },
    }));
    const { dataset } = readPart10(encodeSeg(requestOf(scene, "BINARY", { sources })).bytes);
    expect(dataset).toMatchObject({
      SpecificCharacterSet: "ISO_IR 192",
      PatientName: "Müller^Jörg",
      OtherPatientIDsSequence: [{ PatientID: "X" }],
      StudyDescription: "Übersicht",
      PatientBirthDate: "",
      PatientWeight: 70.5,
      DeidentificationMethod: "Not stated by the source",
    });
    expect(dataset.PatientComments).toBeUndefined();
  });

  test("projection images without planes or spacing", () => {
    const sources = sourcesOf({ ...scene, slices: 1 }).map((source) =>
      sourceInstanceOf({
        ...source.attributes,
        SOPClassUID: "1.2.840.10008.5.1.4.1.1.1",
        ImagePositionPatient: undefined,
        ImageOrientationPatient: undefined,
        PixelSpacing: undefined,
        FrameOfReferenceUID: undefined,
        PatientOrientation: ["L", "F"],
      }),
    );
    for (const kind of ["BINARY", "LABELMAP", "FRACTIONAL"] as const) {
      const request = requestOf(scene, kind, { sources });
      const { bytes, dataset } = encodeSeg(request);
      expect(verifySeg(bytes, request).frames).toBeGreaterThan(0);
      expect(dataset).toMatchObject({ PatientOrientation: ["L", "F"], SharedFunctionalGroupsSequence: [{}] });
      expect(matchToSeries(decodeSeg(bytes), sources).kind).toBe("matched");
    }
  });
});

describe("verifySeg", () => {
  test("finds a changed pixel, a moved plane and a changed code", () => {
    const request = requestOf(scene, "BINARY");
    const { bytes, dataset } = encodeSeg(request);
    const { PixelData } = readPart10(bytes).dataset;
    const flipped = (PixelData as Uint8Array).slice();
    flipped[0] = (flipped[0] ?? 0) ^ 1;
    const groups = dataset.PerFrameFunctionalGroupsSequence as Attributes[];
    const moved = groups.map((g) => ({ ...g, PlanePositionSequence: [{ ImagePositionPatient: [0, 0, 0] }] }));
    const segments = dataset.SegmentSequence as Attributes[];
    const renamed = segments.map((s) => ({ ...s, SegmentLabel: "Spleen" }));
    for (const change of [
      { PixelData: flipped },
      { PixelData, PerFrameFunctionalGroupsSequence: moved },
      { PixelData, SegmentSequence: renamed },
    ]) {
      const error = thrownBy(() => verifySeg(writePart10({ ...dataset, ...change }), request));
      expect(isRefineError(error, "seg-encoding")).toBe(true);
    }
    expect(thrownBy(() => verifySeg(writePart10({ ...dataset, PixelData }), request))).toBeUndefined();
  });
});

describe("matchToSeries", () => {
  const request = requestOf(scene, "BINARY");
  const seg = decodeSeg(encodeSeg(request).bytes);
  const [first] = request.sources;
  if (first === undefined) throw new Error("no source");

  test("a flipped copy is put back on the pixels of the series", () => {
    const [dx, dy] = [scene.spacing[0] * (scene.columns - 1), scene.spacing[1] * (scene.rows - 1)];
    const turned = request.sources.map((source, k) => {
      const o = source.orientation!;
      const position = source.position!.map((p, i) => p + dx * o[i]! + dy * o[i + 3]!);
      return sourceInstanceOf({
        ...source.attributes,
        SOPInstanceUID: uidFromSeed("turned", k),
        ImageOrientationPatient: o.map((v) => -v),
        ImagePositionPatient: position,
      });
    });
    const match = matchToSeries(seg, turned);
    if (match.kind === "refused") throw new Error(JSON.stringify(match.reasons));
    turned.forEach((_, k) => {
      const asked = request.masks(1, k);
      const expected = asked?.includes(1) ? Uint8Array.from(asked).reverse() : undefined;
      expect(match.mask(1, k)).toEqual(expected);
    });
  });

  test.each([
    ["other-patient", { attributes: { PatientID: "Q" } }],
    ["other-frame-of-reference", { frameOfReferenceUid: "1.2.3" }],
    ["other-spacing", { spacingMm: { x: 1.4, y: 0.9 } }],
    [
      "other-grid",
      {
        position: first.position!.map(
          (p, i) => p + 0.5 * scene.spacing[0] * first.orientation![i]!,
        ) as unknown as Vector3,
      },
    ],
    ["off-plane", { position: first.position!.map((p, i) => p + axes(scene.angles)[2][i]!) as unknown as Vector3 }],
    ["other-orientation", { orientation: [1, 0, 0, 0, 1, 0] as const }],
  ] as const)("%s is refused and named", (code, change) => {
    const changed = request.sources.map((source) => ({ ...source, ...change }) as SourceInstance);
    const result = matchToSeries(seg, code === "off-plane" || code === "other-grid" ? [changed[0]!] : changed);
    expect(result.kind === "refused" && result.reasons.map((reason) => reason.code)).toContain(code);
  });

  test("frames of absent instances are reported, the others are shown", () => {
    const result = matchToSeries(seg, [first]);
    expect(result.kind === "matched" && result.unmatchedFrames.length).toBe(
      seg.frames.filter((frame) => frame.sourceSopInstanceUid !== first.sopInstanceUid).length,
    );
  });
});

describe("damaged segmentations", () => {
  test.each(cases)("%s, %s: flips and cuts give a result or a typed error", (kind, transferSyntax) => {
    const request = requestOf(scene, kind, { transferSyntax });
    const whole = encodeSeg(request).bytes;
    const attempt = (bytes: Uint8Array): void => {
      try {
        const seg = decodeSeg(bytes);
        for (const frame of seg.frames) seg.frame(frame.index);
        matchToSeries(seg, request.sources);
      } catch (error) {
        if (!isRefineError(error, "unsupported-dicom")) throw error;
      }
    };
    fc.assert(
      fc.property(fc.array(fc.nat(whole.byteLength * 8 - 1), { minLength: 1, maxLength: 6 }), (flips) => {
        const bytes = whole.slice();
        for (const bit of flips) bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        attempt(bytes);
      }),
      { numRuns: 300 },
    );
    for (let cut = 0; cut < whole.byteLength; cut += 37) attempt(whole.subarray(0, cut));
  });

  test("lying frame counts and sizes allocate nothing", () => {
    const { bytes, dataset } = encodeSeg(requestOf(scene, "BINARY"));
    const { PixelData } = readPart10(bytes).dataset;
    for (const lie of [
      { NumberOfFrames: 2 ** 31 - 1 },
      { Rows: 65535, Columns: 65535 },
      { Rows: 0 },
      { BitsAllocated: 8 },
    ]) {
      const error = thrownBy(() => decodeSeg(writePart10({ ...dataset, PixelData, ...lie })));
      expect(isRefineError(error, "unsupported-dicom")).toBe(true);
    }
  });
});

test("the source series of the scenes sort into what they are", () => {
  expect(seriesFromInstances([...sourcesOf(scene)].reverse()).kind).toBe("volume");
});
