import { RefineError } from "@samrefine/core";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { nextTask } from "../host/next-task.ts";
import { encodeLabels } from "../labelmap/runs.ts";
import type { RefineryClient } from "../refinery/client.ts";
import type { SegmentSliceRequest } from "../refinery/contract.ts";
import { runSummary } from "./run-summary.ts";
import { makeRun, seriesOf, upperHalf } from "./study-run.fixture.ts";
import { segmentStudy } from "./study-run.ts";

/** Finds one pixel on every slice, or does what `answer` does with a slice's key. */
function answering(answer: (key: string) => void) {
  const asked: string[] = [];
  const request = async (_name: string, { slices: [slice] }: { slices: [{ key: string }] }) => {
    asked.push(slice.key);
    answer(slice.key);
    return {
      labels: encodeLabels(Uint8Array.of(1, ...new Uint8Array(63))),
      hidden: [],
      segments: [
        { number: 1, areaPixels: 1, outcome: "kept-initial", reason: undefined, estimatedDice: 0.9, objects: [] },
      ],
    };
  };
  return { ...makeRun({ request: request as unknown as RefineryClient["request"] }), asked };
}

const never = new AbortController().signal;

describe("segmentStudy", () => {
  it("goes through every series, counts over all of them and makes one step of it", async () => {
    const { run, records, steps, asked, progress } = answering(() => {});
    const series = [seriesOf("a", 1), seriesOf("b", 2)];
    const outcome = await segmentStudy(run, series, never);
    expect(asked).toEqual(["a/0", "b/0", "b/1"]);
    expect(progress.at(0)).toBe("Segmenting slices of 2 series 0/3");
    expect(progress.at(-1)).toBe("Segmenting slices of 2 series 3/3");
    expect(steps).toHaveLength(1);
    expect(steps[0]?.map(({ change }) => change.slices.length)).toEqual([1, 2]);
    expect(runSummary(outcome, 0).text).toBe("3 of 3 slices in 2 series segmented.");

    for (const { record, change } of steps[0]!) record.applyChange(change, "before");
    expect([...records.values()].some(({ hasPixels }) => hasPixels)).toBe(false);
    expect([...records.values()].map(({ history }) => history.size)).toEqual([0, 0]);
  });

  it("measures one series at a time, the next one while the models are at work, and none after it was cancelled", async () => {
    const log: string[] = [];
    const cancel = new AbortController();
    const { run, records } = answering((key) => {
      log.push(key);
      if (key === "b/0") cancel.abort(new DOMException("Cancelled.", "AbortError"));
    });
    const segment = (await run.openClient()).request;
    const request = (async (name, argument, options) => {
      if (name === "segmentSlice") return segment(name, argument, options);
      if (name !== "addToMeasure") log.push(name);
      await nextTask();
    }) as RefineryClient["request"];
    const intensity = { kind: "percentiles", lower: 1, upper: 99, scope: "volume" } as const;
    const series = ["a", "b", "c", "d"].map((name) => seriesOf(name, 1));
    const openClient = async () => ({ ...(await run.openClient()), request });
    await segmentStudy({ ...run, openClient, manifest: { ...upperHalf, intensity } }, series, cancel.signal);
    const measured = ["beginMeasure", "finishMeasure"];
    expect(log.filter((entry) => measured.includes(entry))).toEqual([...measured, ...measured, ...measured]);
    expect(log.lastIndexOf("beginMeasure")).toBeLessThan(log.indexOf("b/0"));
    expect([...records.keys()]).toEqual(series.slice(0, 3));
  });

  it("leaves alone what a person reviewed", async () => {
    const { run, records, asked } = answering(() => {});
    const series = seriesOf("a", 3);
    await segmentStudy(run, [series], never);
    records.get(series)?.setQuality(1, { isReviewed: true, segments: [] });
    asked.length = 0;
    const outcome = await segmentStudy(run, [series], never);
    expect(asked).toEqual(["a/0", "a/2"]);
    expect(runSummary(outcome, 2).text).toBe(
      "2 of 3 slices segmented. 1 reviewed by you was left alone. 2 to check: press J to go to the next.",
    );
  });

  it("keeps what the host's brush drew, before a run and during one", async () => {
    const drawn = Uint8Array.from({ length: 64 }, (_, i) => (i < 9 ? 1 : 0));
    const series = seriesOf("a", 3);
    const draw = (slice: number) => {
      const record = records.get(series)!;
      record.labelmap.write(slice, drawn);
      record.invalidate([slice]);
    };
    let isSecondRun = false;
    const { run, records, asked, steps } = answering((key) => {
      if (isSecondRun && key === "a/2") draw(2);
    });
    await segmentStudy(run, [series], never);
    isSecondRun = true;
    draw(1);
    asked.length = 0;
    const outcome = await segmentStudy(run, [series], never);
    expect(asked).toEqual(["a/0", "a/2"]);
    const record = records.get(series)!;
    expect([1, 2].map((slice) => [...record.labelmap.read(slice)])).toEqual([[...drawn], [...drawn]]);
    expect(record.segmentQualities(1)).toHaveLength(1);
    expect(steps[1]![0]!.change.slices.map(({ slice }) => slice)).toEqual([0]);
    expect(runSummary(outcome, 0).text).toBe("1 of 3 slices segmented. 2 reviewed by you were left alone.");
  });

  it("keeps what is finished when cancelled, and says of how many", async () => {
    const cancel = new AbortController();
    const { run, steps } = answering((key) => {
      if (key === "f/0") cancel.abort(new DOMException("Cancelled.", "AbortError"));
    });
    const series = ["a", "b", "c", "d", "e", "f"].map((name) => seriesOf(name, 1));
    const outcome = await segmentStudy(run, series, cancel.signal);
    expect(outcome.isCancelled).toBe(true);
    // Four are under way at once: the sixth begins when the second is written, while the third is being written.
    expect(steps[0]).toHaveLength(3);
    expect(runSummary(outcome, 0).text).toBe("Cancelled: 3 of 6 images are finished and kept.");
  });

  it("lets the host draw the first slice at once, and those that come faster than anybody looks together", async () => {
    vi.useFakeTimers({ toFake: ["performance"] });
    onTestFinished(() => void vi.useRealTimers());
    const announced: (readonly number[])[] = [];
    const announcing = (answer: (key: string) => void) => {
      const { run } = answering(answer);
      run.book.announceInTurn = async (_record, slices) => void announced.push(slices);
      return run;
    };
    await segmentStudy(
      announcing(() => {}),
      [seriesOf("a", 6)],
      never,
    );
    expect(announced).toEqual([[0], [1, 2, 3, 4, 5]]);

    announced.length = 0;
    const slow = announcing(() => void vi.advanceTimersByTime(1000));
    await segmentStudy(slow, [seriesOf("a", 6)], never);
    // Time passes with a request here, and the last of them goes out when the second slice is written.
    expect(announced).toEqual([[0], [1], [2], [3, 4, 5]]);

    announced.length = 0;
    const cancel = new AbortController();
    const cancelled = announcing((key) => {
      if (key === "a/6") cancel.abort(new DOMException("Cancelled.", "AbortError"));
    });
    const { series } = await segmentStudy(cancelled, [seriesOf("a", 9)], cancel.signal);
    expect(announced.flat()).toHaveLength(series[0]!.finished);
  });

  it("goes on after a series whose images cannot be read, and marks it", async () => {
    const { run } = answering((key) => {
      if (key.startsWith("a")) throw new RefineError("unsupported-dicom", "This image could not be decoded.");
    });
    const series = [seriesOf("a", 1), seriesOf("b", 1)];
    const outcome = await segmentStudy(run, series, never);
    expect(outcome.series.map(({ failedSlices }) => failedSlices.size)).toEqual([1, 0]);
    expect(runSummary(outcome, 0)).toEqual({
      text: "1 of 2 images segmented. 1 could not be segmented (marked ×).",
      tone: "warning",
    });
  });

  it("gives up a series whose first three slices fail, and says why when nothing else is there", async () => {
    const broken = (key: string) => {
      if (key.startsWith("a")) throw new RefineError("unsupported-dicom", "This image could not be decoded.");
    };
    const { run, asked } = answering(broken);
    const outcome = await segmentStudy(run, [seriesOf("a", 9), seriesOf("b", 1)], never);
    expect(outcome.series.map(({ finished }) => finished)).toEqual([0, 1]);
    // Three more were under way when the third one failed.
    expect(asked.filter((key) => key.startsWith("a")).length).toBeLessThanOrEqual(6);
    await expect(segmentStudy(answering(broken).run, [seriesOf("a", 9)], never)).rejects.toThrow(
      "could not be decoded",
    );
  });

  describe("when the worker is lost", () => {
    /** A worker after the other; each is lost when it is asked for the slice at its place in the list. */
    function mortal(lostAt: readonly string[]) {
      const { run, asked, steps, records } = answering(() => {});
      const sent: string[] = [];
      let opened = 0;
      const openClient = async (): Promise<RefineryClient> => {
        const sound = await run.openClient();
        const end = lostAt[opened++];
        let isLost = false;
        const request = (async (name, argument, options) => {
          const slices = name === "segmentSlice" ? (argument as SegmentSliceRequest).slices : [];
          const middle = slices[slices.length >> 1];
          isLost ||= (middle?.key ?? name) === end;
          if (isLost) throw new RefineError("worker-crashed", "The background worker stopped unexpectedly.");
          if (name !== "segmentSlice") return { lower: 0, upper: 1, subtract: 0, multiply: 1 };
          sent.push(`${opened}: ${slices.map(({ key, frame }) => (frame ? key : `(${key})`)).join(" ")}`);
          return sound.request(name, { ...(argument as SegmentSliceRequest), slices: [middle] } as never, options);
        }) as RefineryClient["request"];
        return {
          ...sound,
          request,
          get isLost() {
            return isLost;
          },
        };
      };
      return { run: { ...run, openClient }, asked, sent, steps, records, opened: () => opened };
    }

    it("asks its successor for what was under way, with all pixels, and loses nothing", async () => {
      const { run, sent, steps, records, opened } = mortal(["a/2"]);
      const manifest = { ...upperHalf, input: { ...upperHalf.input, channels: 3 } };
      const series = seriesOf("a", 4);
      const outcome = await segmentStudy({ ...run, manifest }, [series], never);
      expect(runSummary(outcome, 0)).toEqual({ text: "4 of 4 slices segmented.", tone: "info" });
      expect(opened()).toBeLessThanOrEqual(3);
      // The first that a worker is sent of a series is sent whole.
      const first = sent.find((line) => !line.startsWith("1"));
      expect(first).not.toContain("(");
      expect(steps).toHaveLength(1);
      const { history } = records.get(series)!;
      expect(history.size).toBe(1);
      records.get(series)!.applyChange(steps[0]![0]!.change, "before");
      expect([records.get(series)!.hasPixels, records.get(series)!.history.size]).toEqual([false, 0]);
    });

    it("measures a series again that was being measured", async () => {
      const { run, opened } = mortal(["addToMeasure"]);
      const intensity = { kind: "percentiles", lower: 1, upper: 99, scope: "volume" } as const;
      const outcome = await segmentStudy({ ...run, manifest: { ...upperHalf, intensity } }, [seriesOf("a", 3)], never);
      expect(runSummary(outcome, 0).text).toBe("3 of 3 slices segmented.");
      expect(opened()).toBeGreaterThan(1);
    });

    it("marks a slice that ends every worker, and goes on with the others", async () => {
      const { run, asked } = mortal(["a/1", "a/1", "a/1", "a/1"]);
      const outcome = await segmentStudy(run, [seriesOf("a", 9)], never);
      expect([...outcome.series[0]!.failedSlices]).toEqual([1]);
      expect(asked.toSorted()).toEqual([0, 2, 3, 4, 5, 6, 7, 8].map((slice) => `a/${slice}`));
      expect(runSummary(outcome, 0).text).toBe("8 of 9 slices segmented. 1 could not be segmented (marked ×).");
    });

    it("opens no other one for a run that was cancelled", async () => {
      const { run, opened } = mortal(["a/1"]);
      const cancel = new AbortController();
      const openClient = async () => {
        const client = await run.openClient();
        const request = (async (name, argument, options) => {
          if ((argument as SegmentSliceRequest).slices[0]?.key === "a/1") cancel.abort();
          return client.request(name, argument, options);
        }) as RefineryClient["request"];
        return {
          ...client,
          request,
          get isLost() {
            return client.isLost;
          },
        };
      };
      const outcome = await segmentStudy({ ...run, openClient }, [seriesOf("a", 4)], cancel.signal);
      expect([outcome.isCancelled, opened()]).toEqual([true, 1]);
    });
  });

  it("stops at a fault of the model: every other series would meet it too", async () => {
    const { run, asked, steps, records } = answering(() => {
      throw new RefineError("inference", "The model failed.");
    });
    const series = ["a", "b", "c", "d", "e", "f"].map((name) => seriesOf(name, 1));
    await expect(segmentStudy(run, series, never)).rejects.toThrow("The model failed.");
    // Three were on their way already.
    expect(asked).toEqual(["a/0", "b/0", "c/0", "d/0"]);
    expect(steps).toEqual([]);
    expect([...records.values()].map(({ history }) => history.size)).toEqual([0, 0, 0, 0]);
  });
});
