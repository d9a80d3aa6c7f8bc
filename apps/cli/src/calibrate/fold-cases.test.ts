import { expect, test } from "vitest";
import { foldCases } from "./fold-cases.ts";

test("every case is left out once, in parts that differ by one at most", () => {
  expect(foldCases(["a", "b", "c", "d", "e"], 2)).toEqual([
    ["a", "b", "c"],
    ["d", "e"],
  ]);
  expect(foldCases(["a", "b", "c"], 3)).toEqual([["a"], ["b"], ["c"]]);
});

test("the slices of a patient are left out together", () => {
  const ids = ["p1_s1", "p1_s2", "p1_s3", "p2_s1", "p3-s1", "p3-s2"];
  expect(foldCases(ids, 3)).toEqual([["p1_s1", "p1_s2", "p1_s3"], ["p2_s1"], ["p3-s1", "p3-s2"]]);
});

test("ids that all begin alike name no patients", () => {
  expect(foldCases(["hip_001", "hip_002", "hip_003"], 3)).toEqual([["hip_001"], ["hip_002"], ["hip_003"]]);
});

test("more folds than cases are refused", () => {
  expect(() => foldCases(["a", "b"], 3)).toThrow(/3 folds were asked for, but there are 2/);
});
