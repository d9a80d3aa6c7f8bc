import { presetPlan } from "@samrefine/core";
import { expect, test } from "vitest";
import { parseAxis, varyPlans } from "./vary-plans.ts";

const axes = (...texts: readonly string[]) =>
  texts.reduce<ReturnType<typeof parseAxis>>((all, text) => parseAxis(text, all), []);
const [raw, ours, described] = ["raw", "ours", "scb-asDescribed"].map(presetPlan) as [
  ReturnType<typeof presetPlan>,
  ReturnType<typeof presetPlan>,
  ReturnType<typeof presetPlan>,
];

test("every combination of a plan's axes follows the plan, the others stay", () => {
  const varied = varyPlans([raw, ours], axes("ours:samWeight=0.5,1", "ours:passes[0].box.marginFraction=0,0.1"));
  expect(varied.map(({ id }) => id)).toEqual([
    "raw",
    "ours",
    "ours samWeight=0.5 passes[0].box.marginFraction=0",
    "ours samWeight=0.5 passes[0].box.marginFraction=0.1",
    "ours samWeight=1 passes[0].box.marginFraction=0",
    "ours samWeight=1 passes[0].box.marginFraction=0.1",
  ]);
  expect(varied[3]).toMatchObject({ samWeight: 0.5, passes: [{ box: { marginFraction: 0.1 }, maskScale: 1 }] });
  expect(varied[1]).toEqual(ours);
  expect(ours.passes[0]?.box?.marginFraction).toBe(0.05);
});

test("words, lists and objects", () => {
  const [, disk, star] = varyPlans([described], axes("scb-asDescribed:cleanUp[1].element=disk, star"));
  expect([disk, star].map((plan) => plan?.cleanUp[1])).toMatchObject([{ element: "disk" }, { element: "star" }]);
  const box = '{"box":{"marginPixels":0,"marginFraction":0},"maskInput":"none","maskScale":1}';
  const [, none, once] = varyPlans([described], axes(`scb-asDescribed:passes=[],[${box}]`));
  expect([none, once].map((plan) => plan?.passes.length)).toEqual([0, 1]);
  // A key that the plan leaves at its default.
  expect(varyPlans([ours], axes("ours:target=component"))[1]?.target).toBe("component");
});

test("what cannot be is named", () => {
  expect(() => axes("samWeight=1")).toThrow(/PLAN:KEY=VALUE/);
  expect(() => varyPlans([raw], axes("ours:samWeight=1"))).toThrow(/no plan ours/);
  expect(() => varyPlans([ours], axes("ours:passes[3].maskScale=1"))).toThrow(/no passes\[3\]\.maskScale/);
  expect(() => varyPlans([ours], axes("ours:cleanUp[1]=1"))).toThrow(/no cleanUp\[1\]/);
  expect(() => varyPlans([ours], axes("ours:samWeight=2"))).toThrow(/samWeight: found 2/);
  expect(() => varyPlans([ours], axes("ours:samWieght=1"))).toThrow(/samWieght/);
});
