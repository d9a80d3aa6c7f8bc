import type { TrainingHistory } from "../run/history.ts";

const WIDTH = 720;
const HEIGHT = 360;
const MARGIN = { left: 56, right: 56, top: 40, bottom: 40 };
const LOSS_COLOR = "#7a7a7a";
const DICE_COLOR = "#0b6e4f";

/** Points drawn of the loss at most; a longer run is averaged over equal stretches. */
const MAXIMUM_POINTS = 240;

/** Loss (left axis) and validation Dice (right axis, 0 to 1) over the steps, as the text of an SVG file. */
export function curvesSvg({ losses, validations }: TrainingHistory, title: string): string {
  const steps = Math.max(losses.length, 1);
  const points = averageStretches(losses);
  const highest = Math.max(...points.map(({ value }) => value), 1e-6);
  const x = (step: number): number => MARGIN.left + ((WIDTH - MARGIN.left - MARGIN.right) * step) / steps;
  const y = (share: number): number => HEIGHT - MARGIN.bottom - (HEIGHT - MARGIN.top - MARGIN.bottom) * share;
  const line = (coordinates: readonly string[], color: string): string =>
    `<polyline fill="none" stroke="${color}" stroke-width="1.5" points="${coordinates.join(" ")}"/>`;
  const text = (left: number, top: number, content: string, anchor = "middle", color = "#333"): string =>
    `<text x="${left.toFixed(1)}" y="${top.toFixed(1)}" text-anchor="${anchor}" fill="${color}">${escapeText(content)}</text>`;
  const bottom = HEIGHT - MARGIN.bottom;
  const ticks = [0, 0.25, 0.5, 0.75, 1].flatMap((share) => [
    `<line x1="${MARGIN.left}" x2="${WIDTH - MARGIN.right}" y1="${y(share)}" y2="${y(share)}" stroke="#e4e4e4"/>`,
    text(MARGIN.left - 8, y(share) + 4, (highest * share).toPrecision(2), "end", LOSS_COLOR),
    text(WIDTH - MARGIN.right + 8, y(share) + 4, share.toFixed(2), "start", DICE_COLOR),
    text(x(steps * share), bottom + 18, String(Math.round(steps * share))),
  ]);
  const parts = [
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>`,
    ...ticks,
    text(WIDTH / 2, 22, title),
    text(WIDTH / 2, HEIGHT - 6, "step"),
    text(MARGIN.left, MARGIN.top - 8, "training loss", "middle", LOSS_COLOR),
    text(WIDTH - MARGIN.right, MARGIN.top - 8, "validation Dice", "middle", DICE_COLOR),
    line(
      points.map(({ step, value }) => `${x(step).toFixed(1)},${y(value / highest).toFixed(1)}`),
      LOSS_COLOR,
    ),
    line(
      validations.map(({ step, meanDice }) => `${x(step).toFixed(1)},${y(meanDice).toFixed(1)}`),
      DICE_COLOR,
    ),
    ...validations.map(
      ({ step, meanDice }) =>
        `<circle cx="${x(step).toFixed(1)}" cy="${y(meanDice).toFixed(1)}" r="2.5" fill="${DICE_COLOR}"/>`,
    ),
  ];
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12">\n${parts.join("\n")}\n</svg>\n`;
}

function averageStretches(losses: readonly number[]): readonly { readonly step: number; readonly value: number }[] {
  const length = Math.max(1, Math.ceil(losses.length / MAXIMUM_POINTS));
  return Array.from({ length: Math.ceil(losses.length / length) }, (_, index) => {
    const part = losses.slice(index * length, (index + 1) * length);
    return { step: index * length + part.length, value: part.reduce((sum, loss) => sum + loss, 0) / part.length };
  });
}

function escapeText(content: string): string {
  return content.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}
