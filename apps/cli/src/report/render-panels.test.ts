import type { Image2D } from "@samrefine/core";
import sharp from "sharp";
import { expect, test } from "vitest";
import { classColor } from "./class-colors.ts";
import { renderPanels } from "./render-panels.ts";

const image: Image2D = {
  geometry: { columns: 40, rows: 20, spacingMm: { x: 1, y: 3 } },
  channels: 1,
  data: new Uint8Array(800).fill(100),
};
const displayRange = { lower: 0, upper: 200 };

async function pixels(png: Uint8Array) {
  const { data, info } = await sharp(png).raw().toBuffer({ resolveWithObject: true });
  return {
    ...info,
    at: (x: number, y: number) => [...data.subarray(3 * (y * info.width + x), 3 * (y * info.width + x) + 3)],
  };
}

test("panels stand side by side with the true proportions of the image", async () => {
  const drawn = await pixels(
    await renderPanels(
      [
        { image, displayRange },
        { image, displayRange },
      ],
      { gap: 10, maximumHeight: 120 },
    ),
  );
  // 40 mm x 60 mm in a height of 120 is 80 wide.
  expect([drawn.width, drawn.height]).toEqual([170, 120]);
  expect(drawn.at(5, 5)).toEqual([127, 127, 127]);
  expect(drawn.at(85, 5)).toEqual([255, 255, 255]);
});

test("wide images stand two in a row", async () => {
  const wide: Image2D = { geometry: { columns: 40, rows: 20 }, channels: 1, data: new Uint8Array(800) };
  const panel = { image: wide, displayRange };
  const drawn = await pixels(await renderPanels([panel, panel, panel, panel], { gap: 10, maximumHeight: 100 }));
  expect([drawn.width, drawn.height]).toEqual([410, 210]);
});

test("labels have a solid border and a translucent inside; prompts lie on top", async () => {
  const labels = new Uint8Array(800);
  for (let y = 5; y < 15; y++) for (let x = 10; x < 30; x++) labels[y * 40 + x] = 2;
  const drawn = await pixels(await renderPanels([{ image, displayRange, labels }], { maximumHeight: 120 }));
  expect(drawn.at(20, 60)).toEqual([...classColor(2)]);
  expect(drawn.at(40, 60)).toEqual(classColor(2).map((channel) => Math.round(127 * 0.75 + channel * 0.25)));
  const prompts = [
    { labelValue: 2, prompt: { points: [{ x: 20, y: 10, label: "background" as const }], hasMaskInput: false } },
  ];
  const prompted = await pixels(await renderPanels([{ image, displayRange, labels, prompts }], { maximumHeight: 120 }));
  // Pixel (20, 10) has its centre at (20.5 / 40 * 80, 10.5 / 20 * 120).
  expect(prompted.at(41, 63)).toEqual([229, 57, 53]);
});

test("titles stand in a band above the panels, and the labels to compare with are outlined, not filled", async () => {
  const outlined = new Uint8Array(800);
  for (let y = 5; y < 15; y++) for (let x = 10; x < 30; x++) outlined[y * 40 + x] = 1;
  const source = { image, displayRange, outlined };
  const drawn = await pixels(
    await renderPanels([{ ...source, title: "U-Net & more" }, source], { maximumHeight: 120 }),
  );
  expect(drawn.height).toBe(144);
  expect(drawn.at(2, 2)).toEqual([32, 38, 46]);
  expect(drawn.at(40, 24 + 60)).toEqual([127, 127, 127]);
  const column = Array.from({ length: 60 }, (_, n) => drawn.at(20, 24 + 30 + n).reduce((a, b) => a + b));
  expect(Math.max(...column)).toBeGreaterThan(450);
  expect(Math.min(...column)).toBeLessThanOrEqual(3 * 127);
  const row = Array.from({ length: 78 }, (_, x) => drawn.at(x, 12)[0]!);
  expect(row.some((value) => value > 200)).toBe(true);
});
