// The code of docs/add-a-prompt-strategy.md. A contract test runs it and holds it against the page.
import {
  type DisplayRange,
  type Image2D,
  type MaskCandidate,
  type PointPrompt,
  type Prompt,
  type PromptableSegmenter,
  presetPlan,
  type RefinementPlan,
  type Segment,
  type SegmentNumber,
  type SegmentStack,
  segmentFromPrompts,
} from "@samrefine/core";

export const interiorPoints: RefinementPlan = {
  ...presetPlan("ours"),
  id: "interior-points",
  note: "Every component by one interior point and the network's logits; no box, so that a box cannot cut a border off.",
  target: "component",
  passes: [
    {
      foreground: "distance-transform-maximum",
      background: "arg-min-probability",
      maskInput: "from-probability",
      maskScale: 2,
    },
  ],
};

/** The four outermost pixels of a mask (left, right, top, bottom) as foreground points; undefined for an empty mask. */
export function extremePoints({ number, mask }: Segment): Prompt | undefined {
  const { geometry, data } = mask;
  const pixels = [...data.keys()]
    .filter((pixel) => data[pixel] === 1)
    .map((pixel) => ({ x: pixel % geometry.columns, y: Math.floor(pixel / geometry.columns) }));
  const [first, ...others] = pixels;
  if (first === undefined) return undefined;
  const outermost = (isFurther: (a: PointPrompt, b: PointPrompt) => boolean): PointPrompt => {
    let best: PointPrompt = { ...first, label: "foreground" };
    for (const pixel of others) {
      const point: PointPrompt = { ...pixel, label: "foreground" };
      if (isFurther(point, best)) best = point;
    }
    return best;
  };
  const points = [
    outermost((a, b) => a.x < b.x),
    outermost((a, b) => a.x > b.x),
    outermost((a, b) => a.y < b.y),
    outermost((a, b) => a.y > b.y),
  ];
  return { segment: number, geometry, points };
}

export async function refineByExtremePoints(
  image: Image2D,
  initial: SegmentStack,
  sam: PromptableSegmenter,
  displayRange: DisplayRange,
): Promise<ReadonlyMap<SegmentNumber, MaskCandidate>> {
  const answers = new Map<SegmentNumber, MaskCandidate>();
  const embedding = await sam.encode(image, { displayRange });
  try {
    for (const segment of initial.segments) {
      const prompt = extremePoints(segment);
      if (prompt === undefined) continue;
      // The network's opinion is both a mask prompt and 30 % of the blend: SAM moves borders and cannot run away.
      const options = { displayRange, embedding, initial: segment, samWeight: 0.7 };
      const answer = await segmentFromPrompts(image, prompt, sam, options);
      if (answer !== undefined) answers.set(segment.number, answer);
    }
  } finally {
    await embedding.dispose();
  }
  return answers;
}
