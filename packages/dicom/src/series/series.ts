import { type Affine3D, type ImageGeometry, RefineError, type VolumeGeometry } from "@samrefine/core";
import {
  columnDirection,
  dot,
  isOrthonormal,
  isSameOrientation,
  norm,
  normalOf,
  rowDirection,
  scale,
  subtract,
} from "./plane.ts";
import { framesOf, type Orientation, type SourceInstance, type Vector3 } from "./source-instance.ts";

/** Deviation of a position from the regular grid that is still rounding: this part of the slice step, or 0.01 mm. */
const REGULAR_PART = 0.01;
const REGULAR_MM = 0.01;
/** Positions closer than this are the same slice. */
const SAME_POSITION_MM = 1e-3;
/** A stack is sheared when its slices wander off the normal by more than this. */
const TILT_DEGREES = 0.1;

export type SeriesFindingCode =
  | "multi-frame"
  | "mixed-sizes"
  | "mixed-frames-of-reference"
  | "localizer"
  | "invalid-orientation"
  | "mixed-orientations"
  | "duplicate-positions"
  | "missing-slices"
  | "irregular-spacing"
  | "gantry-tilt"
  | "no-planes"
  | "no-spacing"
  | "uncalibrated-spacing"
  | "colour";

/** Something a user should know about a series. "refused" = the named instances take no part; "handled" = they do. */
export interface SeriesFinding {
  readonly code: SeriesFindingCode;
  readonly outcome: "handled" | "refused";
  /** Plain words, with the measured value. */
  readonly message: string;
  /** The instances that it is about; empty = all that take part. */
  readonly sopInstanceUids: readonly string[];
}

interface SeriesBase {
  /** The images that take part (instances, or frames of them), ascending along the normal (projections: by number). */
  readonly instances: readonly SourceInstance[];
  readonly findings: readonly SeriesFinding[];
}

/**
 * How the instances lie in space.
 * `volume`: one regular grid, which a gantry tilt may shear. `slices`: every image has its own plane, but they make no
 * regular grid; work slice by slice. `projections`: no planes in the patient at all (radiographs).
 */
export type Series =
  | (SeriesBase & {
      readonly kind: "volume";
      /** LPS, k ascending as `instances` are. */
      readonly volume: VolumeGeometry;
      readonly sliceStepMm: number;
    })
  | (SeriesBase & { readonly kind: "slices" })
  | (SeriesBase & { readonly kind: "projections" });

function uidsOf(instances: readonly SourceInstance[]): readonly string[] {
  return [...new Set(instances.map((instance) => instance.sopInstanceUid))];
}

/** Splits off what does not share the value of the majority; the first seen wins a draw. */
function majority<K>(
  instances: readonly SourceInstance[],
  keyOf: (instance: SourceInstance) => K,
): { readonly kept: readonly SourceInstance[]; readonly others: readonly SourceInstance[] } {
  const groups = new Map<K, SourceInstance[]>();
  for (const instance of instances) {
    const group = groups.get(keyOf(instance));
    if (group === undefined) groups.set(keyOf(instance), [instance]);
    else group.push(instance);
  }
  let kept: readonly SourceInstance[] = [];
  for (const group of groups.values()) if (group.length > kept.length) kept = group;
  const isKept = new Set(kept);
  return { kept, others: instances.filter((instance) => !isKept.has(instance)) };
}

/** Refuses instances that cannot share a grid with the rest, naming them. */
function selectComparable(instances: readonly SourceInstance[], findings: SeriesFinding[]): readonly SourceInstance[] {
  const refuse = (code: SeriesFindingCode, others: readonly SourceInstance[], message: string): void => {
    if (others.length > 0) findings.push({ code, outcome: "refused", message, sopInstanceUids: uidsOf(others) });
  };
  const multiFrame = instances.filter(
    ({ numberOfFrames, frameNumber }) => numberOfFrames !== 1 && frameNumber === undefined,
  );
  const [readable, broken] = [true, false].map((wanted) =>
    multiFrame.filter((instance) => framesOf(instance).length > 0 === wanted),
  ) as [SourceInstance[], SourceInstance[]];
  refuse(
    "multi-frame",
    broken,
    `${broken.length} multi-frame instances describe another number of frames than they have.`,
  );
  let kept: readonly SourceInstance[] = instances.flatMap(framesOf);
  if (readable.length > 0) {
    findings.push({
      code: "multi-frame",
      outcome: "handled",
      message: "Multi-frame images; every frame is segmented as an image of its own.",
      sopInstanceUids: uidsOf(readable),
    });
  }

  const isOrdinary = kept.some((instance) => !instance.isLocalizer);
  const localizers = kept.filter((instance) => instance.isLocalizer);
  if (isOrdinary) {
    refuse("localizer", localizers, `${localizers.length} localizer images lie across the series and are left out.`);
    kept = kept.filter((instance) => !instance.isLocalizer);
  } else if (localizers.length > 0) {
    findings.push({
      code: "localizer",
      outcome: "handled",
      message: "The whole series is a localizer; its images are segmented one by one.",
      sopInstanceUids: uidsOf(localizers),
    });
  }

  const sizes = majority(kept, (instance) => `${instance.columns} x ${instance.rows}`);
  refuse(
    "mixed-sizes",
    sizes.others,
    `${sizes.others.length} images have another size than the ${sizes.kept[0]?.columns} x ${sizes.kept[0]?.rows} of the others.`,
  );
  const frames = majority(sizes.kept, (instance) => instance.frameOfReferenceUid);
  refuse("mixed-frames-of-reference", frames.others, `${frames.others.length} images have another frame of reference.`);

  const skewed = frames.kept.filter(({ orientation }) => orientation !== undefined && !isOrthonormal(orientation));
  refuse(
    "invalid-orientation",
    skewed,
    `${skewed.length} images have row and column directions that are not at right angles.`,
  );
  return frames.kept.filter((instance) => !skewed.includes(instance));
}

function noteImages(instances: readonly SourceInstance[], findings: SeriesFinding[]): void {
  const note = (code: SeriesFindingCode, found: readonly SourceInstance[], message: string): void => {
    if (found.length > 0) findings.push({ code, outcome: "handled", message, sopInstanceUids: uidsOf(found) });
  };
  note(
    "colour",
    instances.filter((i) => i.samplesPerPixel > 1 || i.photometricInterpretation === "PALETTE COLOR"),
    "Colour images; their brightness is segmented.",
  );
  note(
    "no-spacing",
    instances.filter((i) => i.spacingMm === undefined),
    "No pixel spacing is stated; lengths, areas and volumes are given in pixels.",
  );
  note(
    "uncalibrated-spacing",
    instances.filter((i) => i.spacingOrigin === "imager-pixel-spacing"),
    "Pixel spacing is that of the detector, not of the patient; lengths are magnified.",
  );
}

type Placed = SourceInstance & { readonly position: Vector3; readonly orientation: Orientation };

function isPlaced(instance: SourceInstance): instance is Placed {
  return instance.position !== undefined && instance.orientation !== undefined;
}

function byNumber(a: SourceInstance, b: SourceInstance): number {
  return (
    (a.instanceNumber ?? 0) - (b.instanceNumber ?? 0) ||
    (a.sopInstanceUid < b.sopInstanceUid ? -1 : a.sopInstanceUid > b.sopInstanceUid ? 1 : 0) ||
    (a.frameNumber ?? 0) - (b.frameNumber ?? 0)
  );
}

function groupByOrientation(instances: readonly Placed[]): readonly (readonly Placed[])[] {
  const groups: Placed[][] = [];
  for (const instance of instances) {
    const group = groups.find(
      ([first]) => first !== undefined && isSameOrientation(first.orientation, instance.orientation),
    );
    if (group === undefined) groups.push([instance]);
    else group.push(instance);
  }
  return groups;
}

function sortAlongNormal(group: readonly Placed[]): readonly Placed[] {
  const normal = normalOf(group[0]!.orientation);
  const distance = new Map(group.map((instance) => [instance, dot(instance.position, normal)]));
  return [...group].sort((a, b) => {
    const gap = (distance.get(a) ?? 0) - (distance.get(b) ?? 0);
    return Math.abs(gap) > SAME_POSITION_MM ? gap : byNumber(a, b);
  });
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? 0;
}

/** Looks at the gaps of one sorted stack; true when they make a regular grid. */
function noteSpacing(sorted: readonly Placed[], findings: SeriesFinding[]): boolean {
  const normal = normalOf(sorted[0]!.orientation);
  const gaps = sorted.slice(1).map((instance, i) => dot(subtract(instance.position, sorted[i]!.position), normal));
  const duplicates = sorted.filter(
    (_, i) => (gaps[i - 1] ?? 1) <= SAME_POSITION_MM || (gaps[i] ?? 1) <= SAME_POSITION_MM,
  );
  if (duplicates.length > 0) {
    findings.push({
      code: "duplicate-positions",
      outcome: "handled",
      message: `${duplicates.length} images share a position with another one; each is segmented by itself.`,
      sopInstanceUids: uidsOf(duplicates),
    });
  }
  const positive = gaps.filter((gap) => gap > SAME_POSITION_MM);
  const usual = median(positive);
  const tolerance = Math.max(REGULAR_PART * usual, REGULAR_MM);
  const odd = gaps.flatMap((gap, i) => (gap > SAME_POSITION_MM && Math.abs(gap - usual) > tolerance ? [i] : []));
  if (odd.length > 0) {
    const steps = odd.map((i) => (gaps[i] ?? 0) / usual);
    const isMissing = steps.every(
      (step) => step > 1.5 && Math.abs(step - Math.round(step)) * usual <= tolerance * Math.round(step),
    );
    const missing = steps.reduce((sum, step) => sum + Math.round(step) - 1, 0);
    const range = `${Math.min(...positive).toFixed(3)} to ${Math.max(...positive).toFixed(3)} mm`;
    findings.push({
      code: isMissing ? "missing-slices" : "irregular-spacing",
      outcome: "handled",
      message: isMissing
        ? `${missing} ${missing === 1 ? "slice is" : "slices are"} missing (usual distance ${usual.toFixed(3)} mm); the images at hand are segmented one by one.`
        : `Slice distances vary from ${range}; the images are segmented one by one, each in its own plane.`,
      sopInstanceUids: odd.flatMap((i) => uidsOf(sorted.slice(i, i + 2))),
    });
  }
  return duplicates.length === 0 && odd.length === 0;
}

function noteTilt(sorted: readonly Placed[], findings: SeriesFinding[]): void {
  const [first] = sorted;
  const last = sorted.at(-1);
  if (first === undefined || last === undefined || first === last) return;
  const run = subtract(last.position, first.position);
  const cosine = dot(run, normalOf(first.orientation)) / norm(run);
  const degrees = (Math.acos(Math.min(1, Math.max(-1, cosine))) * 180) / Math.PI;
  if (!(degrees > TILT_DEGREES)) return;
  const stated = first.statedGantryTiltDegrees;
  findings.push({
    code: "gantry-tilt",
    outcome: "handled",
    message: `The stack leans ${degrees.toFixed(1)} degrees off its normal${
      stated === undefined ? "" : ` (gantry tilt stated: ${stated})`
    }; every image keeps its own plane.`,
    sopInstanceUids: [],
  });
}

/** The affine of a stack whose positions are p0 + k * step; undefined when they are not. */
function volumeOf(sorted: readonly Placed[]): VolumeGeometry | undefined {
  const first = sorted[0]!;
  const last = sorted.at(-1)!;
  const { spacingMm } = first;
  if (spacingMm === undefined) return undefined;
  const isSameSpacing = sorted.every(
    ({ spacingMm: other }) =>
      other !== undefined &&
      Math.abs(other.x - spacingMm.x) <= 1e-4 * spacingMm.x &&
      Math.abs(other.y - spacingMm.y) <= 1e-4 * spacingMm.y,
  );
  if (!isSameSpacing) return undefined;
  const count = sorted.length;
  const step =
    count === 1
      ? scale(normalOf(first.orientation), first.sliceThicknessMm || 1)
      : scale(subtract(last.position, first.position), 1 / (count - 1));
  const tolerance = Math.max(REGULAR_PART * norm(step), REGULAR_MM);
  const isRegular = sorted.every(
    (instance, k) => norm(subtract(subtract(instance.position, first.position), scale(step, k))) <= tolerance,
  );
  if (!isRegular) return undefined;
  const row = scale(rowDirection(first.orientation), spacingMm.x);
  const column = scale(columnDirection(first.orientation), spacingMm.y);
  const [x, y, z] = first.position;
  // biome-ignore format: rows of the matrix
  const indexToPatient: Affine3D = [
    row[0], column[0], step[0], x,
    row[1], column[1], step[1], y,
    row[2], column[2], step[2], z,
    0, 0, 0, 1,
  ];
  return {
    size: [first.columns, first.rows, count],
    indexToPatient,
    ...(first.frameOfReferenceUid === undefined ? {} : { frameOfReferenceUid: first.frameOfReferenceUid }),
  };
}

/**
 * Puts the instances of one series in order and says how they lie in space. Order comes from the planes, never from
 * instance numbers. Multi-frame instances are taken apart into their frames. What cannot take part is refused by name, the
 * rest is handled; see {@link SeriesFinding}.
 * @throws RefineError `unsupported-dicom` when no instance is left, with the findings in the message.
 */
export function seriesFromInstances(instances: readonly SourceInstance[]): Series {
  const findings: SeriesFinding[] = [];
  const comparable = selectComparable(instances, findings);
  if (comparable.length === 0) {
    const reasons = findings.map((finding) => finding.message).join(" ");
    throw new RefineError("unsupported-dicom", `Nothing in this series can be segmented. ${reasons}`.trim(), {
      hint: "Choose another series.",
      details: { instances: instances.length, findings: findings.map((finding) => finding.code) },
    });
  }
  noteImages(comparable, findings);
  const placed = comparable.filter(isPlaced);
  if (placed.length < comparable.length) {
    findings.push({
      code: "no-planes",
      outcome: "handled",
      message: "The images have no planes in the patient (projections); each is segmented by itself.",
      sopInstanceUids: uidsOf(comparable.filter((instance) => !isPlaced(instance))),
    });
    return { kind: "projections", instances: [...comparable].sort(byNumber), findings };
  }
  const groups = groupByOrientation(placed).map(sortAlongNormal);
  const sorted = groups.flat();
  if (groups.length > 1) {
    findings.push({
      code: "mixed-orientations",
      outcome: "handled",
      message: `The series holds ${groups.length} orientations (${groups.map((g) => g.length).join(", ")} images); they are segmented one by one.`,
      sopInstanceUids: uidsOf(groups.slice(1).flat()),
    });
    return { kind: "slices", instances: sorted, findings };
  }
  noteTilt(sorted, findings);
  const volume = noteSpacing(sorted, findings) ? volumeOf(sorted) : undefined;
  if (volume === undefined) return { kind: "slices", instances: sorted, findings };
  const { indexToPatient: m } = volume;
  return { kind: "volume", instances: sorted, findings, volume, sliceStepMm: norm([m[2], m[6], m[10]]) };
}

/** Grid of one instance, as core's images have it. */
export function imageGeometryOf(instance: SourceInstance): ImageGeometry {
  const { columns, rows, spacingMm } = instance;
  return spacingMm === undefined ? { columns, rows } : { columns, rows, spacingMm };
}

/**
 * LPS millimetres of a pixel coordinate (x = column, y = row; integers are pixel centres), PS3.3 C.7.6.2.1.1.
 * undefined for images without plane or spacing.
 */
export function pixelToPatient(instance: SourceInstance, x: number, y: number): Vector3 | undefined {
  const { position, orientation, spacingMm } = instance;
  if (position === undefined || orientation === undefined || spacingMm === undefined) return undefined;
  const row = scale(rowDirection(orientation), x * spacingMm.x);
  const column = scale(columnDirection(orientation), y * spacingMm.y);
  return [position[0] + row[0] + column[0], position[1] + row[1] + column[1], position[2] + row[2] + column[2]];
}
