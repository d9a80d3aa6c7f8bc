import { RefineError } from "@samrefine/core";
import { describe, expect, it } from "vitest";
import { Activity } from "./activity.ts";

function make() {
  const life = new AbortController();
  let changes = 0;
  const activity = new Activity({ life: life.signal, onChange: () => changes++ });
  return { activity, life, changes: () => changes };
}

describe("Activity", () => {
  it("is busy while a task runs, and idle after it", async () => {
    const { activity } = make();
    const seen: string[] = [];
    await activity.run("loading", async () => {
      seen.push(activity.kind);
      activity.enter("running");
      activity.show("Slices", { completed: 1, total: 3 });
      seen.push(activity.kind, `${activity.progress?.completed}/${activity.progress?.total}`);
      activity.say("Done.");
    });
    expect(seen).toEqual(["loading", "running", "1/3"]);
    expect([activity.isIdle, activity.progress, activity.hasError, activity.status]).toEqual([
      true,
      undefined,
      false,
      { text: "Done.", tone: "info" },
    ]);
  });

  it("turns a failure into a message with its hint, and forgets it with the next task", async () => {
    const { activity } = make();
    const error = new RefineError("dicomweb", "The archive answered 500.", { hint: "Store it again." });
    await activity.run("storing", async () => {
      throw error;
    });
    expect(activity.hasError).toBe(true);
    expect(activity.status).toEqual({ text: "The archive answered 500. Store it again.", tone: "error" });
    await activity.run("storing", async () => {});
    expect(activity.hasError).toBe(false);
  });

  it("is no longer in error once something else is said", () => {
    const { activity } = make();
    activity.fail(new Error("The archive answered 401."));
    expect(activity.hasError).toBe(true);
    activity.say("Undone: auto-segment.");
    expect([activity.hasError, activity.status.tone]).toEqual([false, "info"]);
  });

  it("does not take cancelling for a failure", async () => {
    const { activity } = make();
    const run = activity.run("running", (signal) => {
      activity.cancel(new DOMException("Cancelled.", "AbortError"));
      return Promise.reject(signal.reason);
    });
    await run;
    expect([activity.hasError, activity.status.text]).toEqual([false, "Cancelled."]);
  });

  it("says nothing more once the study is closed", async () => {
    const { activity, life } = make();
    await activity.run("running", async () => {
      life.abort();
      throw new Error("too late");
    });
    expect(activity.hasError).toBe(false);
  });
});
