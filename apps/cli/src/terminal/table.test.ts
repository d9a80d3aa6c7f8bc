import { expect, test } from "vitest";
import { fittingColumns, formatTable } from "./table.ts";

const head = ["strategy", "Dice %", "a class"];
const rows = [
  ["raw", "89.2 (87.2–90.6)", "1.0"],
  ["cleanup", "86.0", "2.0"],
];

test("the leading columns that fit are counted to the character", () => {
  const widthOf = (count: number): number =>
    Math.max(
      ...formatTable(
        head.slice(0, count),
        rows.map((row) => row.slice(0, count)),
      )
        .split("\n")
        .map((line) => line.length),
    );
  for (const count of [1, 2, 3]) {
    expect(fittingColumns(head, rows, widthOf(count))).toBe(count);
    expect(fittingColumns(head, rows, widthOf(count) - 1)).toBe(Math.max(1, count - 1));
  }
  expect(fittingColumns(head, rows, undefined)).toBe(3);
});
