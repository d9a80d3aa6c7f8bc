import { compareMasks, isRefineError } from "@samrefine/core";
import { describe, expect, test } from "vitest";
import { cohortTable, comparisonTable } from "../table/cohort-tables.ts";
import { toCsv, toMarkdown } from "../table/table.ts";
import { ALL_CLASSES, type CaseScore, caseValues, summariseCohort } from "./cohort.ts";
import { compareWithBaseline } from "./paired.ts";

/** A score whose Dice is 2 * shared / 20: ten reference pixels, ten predicted ones. */
function score(caseId: string, label: string, shared: number, group?: string): CaseScore {
  const reference = Uint8Array.from({ length: 30 }, (_, i) => (i < 10 ? 1 : 0));
  const prediction = Uint8Array.from({ length: 30 }, (_, i) => (i >= 10 - shared && i < 20 - shared ? 1 : 0));
  return { caseId, label, group, metrics: compareMasks(reference, prediction, { size: [30, 1, 1] }) };
}

const of = (caseId: string, label: string, reference: number[], prediction: number[]): CaseScore => ({
  caseId,
  label,
  metrics: compareMasks(reference, prediction, { size: [reference.length, 1, 1] }),
});

describe("summariseCohort", () => {
  test("per class and over classes: a case counts once, however many classes it has", () => {
    const scores = [
      score("a", "lung", 10),
      score("a", "heart", 6),
      score("b", "lung", 5),
      of("b", "heart", [0, 0], [0, 0]),
    ];
    const [lung, heart, all] = summariseCohort(scores, "dice");
    expect(lung).toMatchObject({ label: "lung", count: 2, mean: 0.75, median: 0.75 });
    expect(heart).toMatchObject({
      label: "heart",
      count: 1,
      mean: 0.6,
      standardDeviation: null,
      interval: null,
      absent: 1,
    });
    // (mean of 1 and 0.6, and 0.5) / 2, not the mean of all three.
    expect(all).toMatchObject({ label: ALL_CLASSES, count: 2 });
    expect(all?.mean).toBeCloseTo(0.65, 12);
    expect(all?.standardDeviation).toBeCloseTo(Math.sqrt(0.045), 12);
  });

  test("a miss costs Dice and is left out of distances; a false positive is counted beside", () => {
    const scores = [
      of("a", "x", [1, 1, 0], [1, 1, 0]),
      of("b", "x", [1, 1, 0], [0, 0, 0]),
      of("c", "x", [0, 0, 0], [0, 1, 0]),
    ];
    expect(summariseCohort(scores, "dice")[0]).toMatchObject({ mean: 0.5, count: 2, missed: 1, falsePositives: 1 });
    expect(summariseCohort(scores, "hd95")[0]).toMatchObject({ mean: 0, count: 1, missed: 1, falsePositives: 1 });
  });

  test("values of cases keep their order and their group", () => {
    expect(caseValues([score("b", "x", 5, "p1"), score("a", "x", 10)], "dice")).toEqual([
      { caseId: "b", group: "p1", value: 0.5 },
      { caseId: "a", group: "a", value: 1 },
    ]);
  });
});

describe("compareWithBaseline", () => {
  const cases = ["a", "b", "c", "d", "e"];
  const baseline = { name: "raw", scores: cases.map((id) => score(id, "lung", 5)) };
  const better = { name: "ours", scores: cases.map((id, i) => score(id, "lung", 6 + (i % 3))) };

  test("differences are candidate minus baseline, with the exact test and Bonferroni over candidates", () => {
    const [ours, same] = compareWithBaseline(baseline, [better, { ...baseline, name: "same" }], "dice");
    expect(ours).toMatchObject({ baseline: "raw", candidate: "ours", count: 5, better: 5, equal: 0, worse: 0 });
    expect(ours?.meanDifference).toBeCloseTo((0.1 + 0.2 + 0.3 + 0.1 + 0.2) / 5, 12);
    expect(ours?.test.pValue).toBeCloseTo(2 / 32, 12);
    expect(ours?.adjustedPValue).toBeCloseTo(4 / 32, 12);
    expect(same).toMatchObject({ meanDifference: 0, equal: 5, adjustedPValue: 1 });
  });

  test("for distances smaller is better", () => {
    const [ours] = compareWithBaseline(baseline, [better], "hd95");
    expect(ours?.meanDifference).toBeLessThan(0);
    expect(ours).toMatchObject({ better: 5, worse: 0 });
  });

  test("a class without a value in one method does not change the case's mean in the other", () => {
    const present = of("a", "heart", [1, 1, 0, 0], [0, 0, 1, 1]);
    const missed = of("a", "heart", [1, 1, 0, 0], [0, 0, 0, 0]);
    const lung = score("a", "lung", 10);
    const [found] = compareWithBaseline(
      { name: "far", scores: [lung, present] },
      [{ name: "missing", scores: [lung, missed] }],
      "hd95",
    );
    // Only the lung is compared; counting the far heart would make the miss look like progress.
    expect(found).toMatchObject({ count: 1, unpaired: 0, meanDifference: 0 });
  });

  test("cases of one method only are counted, doubles refused", () => {
    const [found] = compareWithBaseline(baseline, [{ name: "some", scores: better.scores.slice(0, 3) }], "dice");
    expect(found).toMatchObject({ count: 3, unpaired: 2 });
    let caught: unknown;
    try {
      compareWithBaseline({ name: "twice", scores: [...baseline.scores, ...baseline.scores] }, [better], "dice");
    } catch (error) {
      caught = error;
    }
    expect(isRefineError(caught, "configuration")).toBe(true);
  });
});

describe("tables", () => {
  test("the cohort table says what is missing", () => {
    const table = cohortTable("Test", summariseCohort([score("a", "lung | left", 5)], "dice", { seed: 1 }));
    const text = toMarkdown(table);
    expect(text).toContain("| lung \\| left | Dice | 1 | 0.5000 | – | – | – | 0.5000 | 0 | 0 |");
    expect(text).toContain("Research use only.");
  });

  test("the comparison table names the direction", () => {
    const scores = [score("a", "x", 5), score("b", "x", 6)];
    const table = comparisonTable("T", compareWithBaseline({ name: "raw", scores }, [{ name: "new", scores }], "hd95"));
    expect(table.notes).toContain("HD95: smaller is better.");
    expect(toMarkdown(table)).toContain("0 / 2 / 0");
  });

  test("CSV quotes what needs it, leaves what does not exist empty, keeps full precision", () => {
    const table = {
      title: "t",
      columns: [{ header: 'a "b", c' }, { header: "n", decimals: 2 }],
      rows: [
        ["x\ny", 1 / 3],
        ["plain", null],
      ],
      notes: [],
    };
    expect(toCsv(table)).toBe('"a ""b"", c",n\r\n"x\ny",0.3333333333333333\r\nplain,\r\n');
    expect(() => toMarkdown({ ...table, rows: [["short"]] })).toThrow(/row 0 has 1 cells for 2 columns/);
  });
});
