import { RefineError } from "../errors.ts";
import type { ImageGeometry } from "../geometry/geometry.ts";
import type { Mask, SegmentNumber, SegmentStack } from "../mask/mask.ts";
import { emptyMask, maskArea } from "../mask/measure.ts";
import { splitComponents } from "../mask/select-component.ts";
import { boxOfMask } from "../prompt/box.ts";
import { errorClick } from "../prompt/error-click.ts";
import { imposeMask, logitsOfMask } from "../prompt/mask-prompt.ts";
import type { BoxPrompt, LowResLogits, PointPrompt, Prompt } from "../prompt/prompt.ts";
import {
  argMaxSeed,
  argMinPoint,
  centroidSeed,
  distanceTransformSeed,
  exclusivePixels,
  type PixelPoint,
  randomSeeds,
  snappedCentroidSeed,
} from "../prompt/seed.ts";
import { createRandom, type Random } from "../random.ts";
import { planParts } from "./exceptions.ts";
import type { RefinementPass, RefinementPlan } from "./plan.ts";
import { type PreparedSegment, prepareSegments } from "./prepare-segments.ts";

/** One object that SAM is asked about: a class, one of its components, or a ring together with what it surrounds. */
export interface PromptUnit {
  readonly segment: SegmentNumber;
  /** What the box and the mask prompt describe. */
  readonly target: Mask;
  /** The part of the target that no other class claims; points are taken from it. */
  readonly own: Mask;
  /** Positive exactly on the target. */
  readonly logits: Float32Array;
  readonly probability: Float32Array | undefined;
  /** Classes inside the target, whose seeds are no background. */
  readonly contained: ReadonlySet<SegmentNumber>;
  readonly area: number;
  /** Names the unit for its random numbers. */
  readonly name: string;
}

type ForegroundRule = NonNullable<RefinementPass["foreground"]>;

/** The rule that other classes' seeds follow in a pass without a foreground point of its own. */
const DEFAULT_SEED: ForegroundRule = "centroid";

/** Everything that prompts are made of, for all classes of one image. */
export interface PromptSource {
  /** Units for which every pass has a prompt. */
  readonly units: readonly PromptUnit[];
  /** Units without a seed that a pass needs, because other classes claim all their pixels. */
  readonly unasked: readonly PromptUnit[];
  prompt(unit: PromptUnit, passIndex: number, answered?: AnsweredSoFar): Prompt;
  /** Where the next error click falls; undefined when nothing is wrong. @param current on the grid of the target. */
  errorClick(unit: PromptUnit, current: Mask, index: number): PointPrompt | undefined;
  /** The prompt with its points and box moved a little, `count` times, each time differently. */
  moved(unit: PromptUnit, prompt: Prompt, count: number): readonly Prompt[];
}

/** What a later pass knows of earlier ones. */
export interface AnsweredSoFar {
  /** SAM's own low-resolution logits of the pass before, for `previous-pass`. */
  readonly previous?: LowResLogits | undefined;
  /** Error clicks so far, the newest last. */
  readonly clicks?: readonly PointPrompt[];
}

/**
 * @param plan without exceptions: what is done with `asked`.
 * @param asked the classes that SAM is asked about; the others only give background seeds.
 * @throws RefineError `invalid-plan` when a ring names a segment that does not exist.
 */
export function createPromptSource(
  prepared: readonly PreparedSegment[],
  plan: RefinementPlan,
  image: ImageGeometry,
  asked: ReadonlySet<SegmentNumber>,
): PromptSource {
  const present = prepared.filter(({ cleaned }) => cleaned.data.includes(1));
  const masks = present.map(({ cleaned }) => cleaned);
  const ownPixels = new Map(present.map(({ number, cleaned }) => [number, exclusivePixels(cleaned, masks)]));
  const random = createRandom(plan.seed);
  const memory = new Map<string, readonly PixelPoint[]>();

  const seedsOf = (
    rule: ForegroundRule,
    count: number,
    object: { readonly name: string; readonly own: Mask; readonly probability: Float32Array | undefined },
  ): readonly PixelPoint[] => {
    const key = `${rule} ${count} ${object.name}`;
    const known = memory.get(key);
    if (known !== undefined) return known;
    const seeds = findSeeds(rule, count, object.own, object.probability, random.fork(key));
    memory.set(key, seeds);
    return seeds;
  };

  const foregroundOf = (
    unit: PromptUnit,
    { foreground, foregroundCount = 1 }: RefinementPass,
  ): readonly PixelPoint[] => {
    if (foreground === undefined) return [];
    // The most probable pixel is the same whoever else claims it (methods: SAM Carries the Burden, agreement).
    const isShared = foreground === "arg-max-probability" && unit.probability !== undefined;
    return seedsOf(
      foreground,
      foregroundCount,
      isShared ? { ...unit, own: unit.target, name: `${unit.name}, shared` } : unit,
    );
  };
  const hasSeeds = (unit: PromptUnit): boolean =>
    plan.passes.every((pass) => pass.foreground === undefined || foregroundOf(unit, pass).length > 0);
  const all = present
    .filter(({ number }) => asked.has(number))
    .flatMap((segment) => unitsOf(segment, ownPixels.get(segment.number) ?? segment.cleaned, prepared, plan));

  const backgroundOf = (unit: PromptUnit, pass: RefinementPass): readonly PixelPoint[] => {
    if (pass.background === undefined) return [];
    if (pass.background === "other-classes") {
      return present
        .filter(({ number }) => number !== unit.segment && !unit.contained.has(number))
        .flatMap(({ number, cleaned, probability }) =>
          seedsOf(pass.foreground ?? DEFAULT_SEED, pass.foregroundCount ?? 1, {
            name: classObjectName(number),
            own: ownPixels.get(number) ?? cleaned,
            probability,
          }),
        );
    }
    if (pass.background === "arg-min-probability") {
      const lowest = argMinPoint(unit.probability ?? unit.target.data, unit.target.geometry.columns);
      return lowest === undefined ? [] : [lowest];
    }
    const count = pass.backgroundCount ?? 1;
    return randomSeeds(surroundings(unit.target), count, random.fork(`background ${count} ${unit.name}`));
  };

  return {
    units: all.filter(hasSeeds),
    unasked: all.filter((unit) => !hasSeeds(unit)),
    errorClick: (unit, current, index) =>
      errorClick(unit.target, current, index, random.fork(`click ${index} ${unit.name}`)),
    moved: (unit, prompt, count) =>
      Array.from({ length: count }, (_, index) => movePrompt(prompt, random.fork(`move ${index} ${unit.name}`))),
    prompt(unit, passIndex, { previous, clicks = [] } = {}) {
      const pass = plan.passes[passIndex];
      if (pass === undefined) throw new RefineError("configuration", `The plan has no pass ${passIndex}.`);
      const foreground = foregroundOf(unit, pass);
      const points: readonly PointPrompt[] = [
        ...foreground.map(({ x, y }) => ({ x, y, label: "foreground" as const })),
        ...backgroundOf(unit, pass).map(({ x, y }) => ({ x, y, label: "background" as const })),
        ...(pass.errorClicks === undefined ? [] : pass.errorClicks === "all" ? clicks : clicks.slice(-1)),
      ];
      const box =
        pass.box && boxOfMask(unit.target, pass.box, { image, random: random.fork(`box ${passIndex} ${unit.name}`) });
      const maskInput = maskInputOf(unit, pass, previous);
      const prompt: Prompt = {
        segment: unit.segment,
        geometry: unit.target.geometry,
        ...(points.length === 0 ? {} : { points }),
        ...(box === undefined ? {} : { box }),
        ...(maskInput === undefined ? {} : { maskInput }),
      };
      return plan.coordinates === "pixel-centre" ? toImageFrame(prompt, image) : prompt;
    },
  };
}

/**
 * The prompts of a plan's first pass, without asking SAM: what a viewer draws over the image before refinement. Classes
 * that are absent or have no pixel of their own have no prompt.
 *
 * @throws RefineError `shape-mismatch`, `configuration`, `invalid-plan`.
 */
export function derivePrompts(initial: SegmentStack, plan: RefinementPlan, image: ImageGeometry): Prompt[] {
  if (plan.passes.length === 0) return [];
  const prepared = prepareSegments(initial, plan);
  const numbers = prepared.map(({ number }) => number);
  return planParts(plan, numbers).flatMap((part) => {
    if (part.plan.passes.length === 0) return [];
    const source = createPromptSource(prepared, part.plan, image, part.segments);
    return source.units.map((unit) => {
      // The first click is known before any answer: everything is missing.
      const click = part.plan.passes[0]?.errorClicks && source.errorClick(unit, emptyMask(unit.target.geometry), 0);
      return source.prompt(unit, 0, { clicks: click === undefined ? [] : [click] });
    });
  });
}

const classObjectName = (number: SegmentNumber) => `class ${number}`;

function unitsOf(
  segment: PreparedSegment,
  own: Mask,
  prepared: readonly PreparedSegment[],
  plan: RefinementPlan,
): PromptUnit[] {
  const { number, cleaned, probability } = segment;
  const ring = ringAround(segment, prepared, plan);
  const whole: PromptUnit = {
    segment: number,
    target: cleaned,
    own,
    logits: segment.cleanedLogits,
    probability,
    contained: new Set(),
    area: maskArea(cleaned),
    name: classObjectName(number),
    ...ring,
  };
  if (plan.target !== "component") return [whole];
  return splitComponents(whole.target).map(({ mask, area }, index) => ({
    ...whole,
    target: mask,
    own: { geometry: mask.geometry, data: mask.data.map((value, i) => value & (whole.own.data[i] as number)) },
    logits: imposeMask(whole.logits, mask),
    area,
    name: `${whole.name}, component ${index}`,
  }));
}

/** A ring is asked about together with what it surrounds; so is its seed, which would lie on a thin band otherwise. */
function ringAround(
  segment: PreparedSegment,
  prepared: readonly PreparedSegment[],
  plan: RefinementPlan,
): Partial<PromptUnit> {
  const pair = plan.rings?.find(({ ring }) => ring === segment.number);
  if (pair === undefined) return {};
  const inner = prepared.find(({ number }) => number === pair.inner);
  if (inner === undefined) {
    throw new RefineError("invalid-plan", `Plan, rings: segment ${pair.inner} does not exist in this segmentation.`, {
      hint: `Segments here: ${prepared.map(({ number }) => number).join(", ")}.`,
      details: { path: "rings", segment: pair.inner },
    });
  }
  const target: Mask = {
    geometry: segment.cleaned.geometry,
    data: segment.cleaned.data.map((value, i) => value | (inner.cleaned.data[i] as number)),
  };
  const logits = segment.cleanedLogits.map((value, i) => Math.max(value, inner.cleanedLogits[i] as number));
  const others = prepared.filter((other) => other !== segment && other !== inner).map(({ cleaned }) => cleaned);
  return {
    target,
    own: exclusivePixels(target, others),
    logits,
    probability: undefined,
    contained: new Set([inner.number]),
    area: maskArea(target),
    name: `ring ${segment.number}`,
  };
}

function findSeeds(
  rule: ForegroundRule,
  count: number,
  own: Mask,
  probability: Float32Array | undefined,
  random: Random,
): readonly PixelPoint[] {
  if (rule === "random") return randomSeeds(own, count, random);
  const seed =
    rule === "centroid"
      ? centroidSeed(own)
      : rule === "snapped-centroid"
        ? snappedCentroidSeed(own)
        : rule === "arg-max-probability" && probability !== undefined
          ? argMaxSeed(own, probability)
          : // Without a probability every pixel is as good as another; the middle of the thickest part is the safest.
            distanceTransformSeed(own);
  return seed === undefined ? [] : [seed];
}

function maskInputOf(
  unit: PromptUnit,
  pass: RefinementPass,
  previous: LowResLogits | undefined,
): Prompt["maskInput"] | undefined {
  if (pass.maskInput === "previous-pass") return previous;
  if (pass.maskInput === "from-mask") return logitsOfMask(unit.target, pass.maskScale);
  if (pass.maskInput === "none") return undefined;
  if (pass.maskInput === "zeros") {
    return { geometry: unit.target.geometry, data: new Float32Array(unit.target.data.length) };
  }
  const scale = pass.maskScale;
  return {
    geometry: unit.target.geometry,
    data: scale === 1 ? unit.logits : unit.logits.map((value) => value * scale),
  };
}

/** Pixels outside the mask within its box grown by half its sides. */
function surroundings(mask: Mask): Mask {
  const box = boxOfMask(mask, { marginPixels: 0, marginFraction: 0.5 });
  const { columns } = mask.geometry;
  const data = mask.data.map((value, i) => {
    const x = i % columns;
    const y = Math.floor(i / columns);
    const isNear = box !== undefined && x >= box.xMin && x <= box.xMax && y >= box.yMin && y <= box.yMax;
    return isNear && value === 0 ? 1 : 0;
  });
  return { geometry: mask.geometry, data };
}

/** How far a prompt is moved to see whether the answer hangs on it: points by so many pixels, box sides by such a share. */
const MOVED_PIXELS = 2;
const MOVED_SHARE = 0.05;

function movePrompt(prompt: Prompt, random: Random): Prompt {
  const { columns, rows } = prompt.geometry;
  const within = (value: number, length: number): number => Math.min(Math.max(value, 0), length - 1);
  const shift = (largest: number): number => (2 * random.next() - 1) * largest;
  const { points, box } = prompt;
  const [width, height] = box === undefined ? [0, 0] : [box.xMax - box.xMin + 1, box.yMax - box.yMin + 1];
  return {
    ...prompt,
    ...(points && {
      points: points.map(({ x, y, label }) => ({
        x: within(x + shift(MOVED_PIXELS), columns),
        y: within(y + shift(MOVED_PIXELS), rows),
        label,
      })),
    }),
    ...(box && {
      box: {
        xMin: within(box.xMin + shift(MOVED_SHARE * width), columns),
        yMin: within(box.yMin + shift(MOVED_SHARE * height), rows),
        xMax: within(box.xMax + shift(MOVED_SHARE * width), columns),
        yMax: within(box.yMax + shift(MOVED_SHARE * height), rows),
      },
    }),
  };
}

/** Centres go to centres, box edges to the far sides of their pixels, clipped to the image's pixel indices. */
function toImageFrame(prompt: Prompt, image: ImageGeometry): Prompt {
  const scaleX = image.columns / prompt.geometry.columns;
  const scaleY = image.rows / prompt.geometry.rows;
  const toX = (x: number) => Math.min(Math.max((x + 0.5) * scaleX - 0.5, 0), image.columns - 1);
  const toY = (y: number) => Math.min(Math.max((y + 0.5) * scaleY - 0.5, 0), image.rows - 1);
  const grow = ({ xMin, yMin, xMax, yMax }: BoxPrompt): BoxPrompt => ({
    xMin: toX(xMin - 0.5),
    yMin: toY(yMin - 0.5),
    xMax: toX(xMax + 0.5),
    yMax: toY(yMax + 0.5),
  });
  return {
    ...prompt,
    geometry: image,
    ...(prompt.points && { points: prompt.points.map(({ x, y, label }) => ({ x: toX(x), y: toY(y), label })) }),
    ...(prompt.box && { box: grow(prompt.box) }),
  };
}
