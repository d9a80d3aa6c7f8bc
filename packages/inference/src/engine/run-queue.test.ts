import { describe, expect, test } from "vitest";
import { RunQueue } from "./run-queue.ts";

/** A task that ends when it is told to. */
function gate(): { readonly task: () => Promise<string>; open(): void; started: boolean } {
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  const result = {
    started: false,
    open: () => open(),
    task: async () => {
      result.started = true;
      await opened;
      return "done";
    },
  };
  return result;
}

const turn = () => new Promise((resolve) => setTimeout(resolve, 0));

describe("RunQueue", () => {
  test("runs one task at a time, in order of arrival", async () => {
    const queue = new RunQueue();
    const log: string[] = [];
    const task = (name: string) => async () => {
      log.push(`${name} begins`);
      await turn();
      log.push(`${name} ends`);
    };
    await Promise.all(["a", "b", "c"].map((name) => queue.enqueue(task(name))));
    expect(log).toEqual(["a begins", "a ends", "b begins", "b ends", "c begins", "c ends"]);
  });

  test("a failed task rejects for its caller alone", async () => {
    const queue = new RunQueue();
    const failing = queue.enqueue(async () => {
      throw new Error("broken");
    });
    const next = queue.enqueue(async () => 7);
    await expect(failing).rejects.toThrow("broken");
    await expect(next).resolves.toBe(7);
  });

  test("an aborted task that waits rejects at once with the caller's reason and never starts", async () => {
    const queue = new RunQueue();
    const first = gate();
    const waiting = gate();
    const running = queue.enqueue(first.task);
    const controller = new AbortController();
    const dropped = queue.enqueue(waiting.task, controller.signal);
    controller.abort("enough");
    await expect(dropped).rejects.toBe("enough");
    first.open();
    await expect(running).resolves.toBe("done");
    await queue.enqueue(async () => {});
    expect(waiting.started).toBe(false);
  });

  test("an aborted task that is under way ends first, and then the next begins", async () => {
    const queue = new RunQueue();
    const running = gate();
    const controller = new AbortController();
    const result = queue.enqueue(running.task, controller.signal);
    const next = gate();
    const following = queue.enqueue(next.task);
    await turn();
    controller.abort();
    await turn();
    expect(next.started).toBe(false);
    running.open();
    await expect(result).resolves.toBe("done");
    next.open();
    await expect(following).resolves.toBe("done");
  });
});
