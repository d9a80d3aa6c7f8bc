import type { BoxPrompt, PointPrompt, Prompt, RefinementResult, SegmentNumber } from "@samrefine/core";

/** A prompt as it is reported: coordinates in the pixel frame of the image, mask prompts named but not written out. */
export interface ReportedPrompt {
  readonly points?: readonly PointPrompt[];
  readonly box?: BoxPrompt;
  readonly hasMaskInput: boolean;
}

export interface ReportedSegment {
  readonly number: SegmentNumber;
  readonly outcome: "refined" | "kept-initial" | "absent";
  readonly reason?: string;
  /** Estimated Dice and how it was estimated. */
  readonly quality?: { readonly value: number; readonly method: string };
  readonly predictedIou?: number;
  readonly agreement?: number;
  /** Whether the mask passes the plan's acceptance rule. */
  readonly accepted?: boolean;
  readonly prompts: readonly ReportedPrompt[];
}

/** One line per class of one slice, ready for JSON. */
export function describeOutcomes(
  { outcomes }: Pick<RefinementResult, "outcomes">,
  image: { readonly columns: number; readonly rows: number },
): readonly ReportedSegment[] {
  return [...outcomes].map(([number, outcome]): ReportedSegment => {
    if (outcome.kind === "absent") return { number, outcome: "absent", prompts: [] };
    const { quality } = outcome;
    return {
      number,
      outcome: outcome.kind,
      ...(outcome.kind === "kept-initial" ? { reason: outcome.reason } : {}),
      quality: { value: round(quality.value), method: quality.method },
      accepted: outcome.accepted,
      ...(outcome.kind === "refined"
        ? { predictedIou: round(outcome.predictedIou), agreement: round(outcome.agreement) }
        : {}),
      prompts: outcome.prompts.map((prompt) => describePrompt(prompt, image)),
    };
  });
}

/** Prompts live on the network's grid; index scaling brings them to the image, as the segmenter does. */
function describePrompt(
  { geometry, points, box, maskInput }: Prompt,
  image: { readonly columns: number; readonly rows: number },
): ReportedPrompt {
  const x = (value: number): number => round((value * image.columns) / geometry.columns);
  const y = (value: number): number => round((value * image.rows) / geometry.rows);
  return {
    ...(points === undefined ? {} : { points: points.map((p) => ({ x: x(p.x), y: y(p.y), label: p.label })) }),
    ...(box === undefined
      ? {}
      : { box: { xMin: x(box.xMin), yMin: y(box.yMin), xMax: x(box.xMax), yMax: y(box.yMax) } }),
    hasMaskInput: maskInput !== undefined,
  };
}

function round(value: number): number {
  return Math.round(value * 1e4) / 1e4;
}
