import { expect, it } from "vitest";
import type { SegDeliveryReport } from "../seg/seg-store.ts";
import { type HandOver, type SegmentedSeries, storeSegs, whereListed } from "./hand-over.ts";

const series = { record: { modelId: undefined, plan: undefined } } as unknown as SegmentedSeries;

function said(...reports: readonly SegDeliveryReport[]): Promise<string> {
  const left = [...reports];
  const handOver = {
    activity: { show: () => {} },
    segStore: { store: async () => left.shift() },
  } as unknown as HandOver;
  return storeSegs(
    handOver,
    reports.map(() => series),
    new AbortController().signal,
  );
}

it("says what was stored and where it is found", async () => {
  const stored = { frameCount: 1, isListed: true, framesElsewhere: 0 };
  expect(await said(stored)).toBe(
    "Stored and read back: 1 frame, identical. It is listed among the series of this study.",
  );
  expect(await said(stored, { ...stored, frameCount: 4 })).toBe(
    "Stored and read back: 2 SEGs, 5 frames, identical. They are listed among the series of this study.",
  );
});

it("does not claim that a series is listed where the viewer could not renew its list", async () => {
  expect(await said({ frameCount: 2, isListed: false, framesElsewhere: 0 })).toMatch(/identical\. Reload the study/);
  expect(whereListed(1, false)).not.toMatch(/is listed/);
});

it("tells what stays in the SEG that was opened", async () => {
  expect(await said({ frameCount: 2, isListed: true, framesElsewhere: 3 })).toMatch(
    / 3 frames on other images stay in the SEG that was opened\.$/,
  );
});
