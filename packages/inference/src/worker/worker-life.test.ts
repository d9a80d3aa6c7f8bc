import { expect, test } from "vitest";
import { holdLife, watchLife } from "./worker-life.ts";

/** Locks as the Web Locks standard has them, of one name each: first come, first served. */
class MadeLocks {
  readonly #queues = new Map<string, Promise<unknown>>();
  readonly #held = new Map<string, () => void>();

  request = (async (name: string, callback: (lock: Lock | null) => unknown) => {
    const before = this.#queues.get(name) ?? Promise.resolve();
    const turn = before.then(() => {
      const ended = new Promise<void>((resolve) => this.#held.set(name, resolve));
      return Promise.race([callback(null), ended]);
    });
    this.#queues.set(name, turn);
    return turn;
  }) as LockManager["request"];

  /** The holder is gone. */
  end(name: string): void {
    this.#held.get(name)?.();
  }
}

test("the end of a worker is told once its lock is free, and at once when it was already", async () => {
  const locks = new MadeLocks();
  const [first, second] = [await holdLife(locks), await holdLife(locks)];
  expect(first).not.toBe(second);
  const ended: string[] = [];
  watchLife(first, () => ended.push("first"), locks);
  watchLife(second, () => ended.push("second"), locks);
  await new Promise((resolve) => setTimeout(resolve));
  expect(ended).toEqual([]);
  locks.end(second!);
  await expect.poll(() => ended).toEqual(["second"]);
  locks.end(first!);
  await expect.poll(() => ended).toEqual(["second", "first"]);
  watchLife(first, () => ended.push("late"), locks);
  await expect.poll(() => ended.at(-1)).toBe("late");
});

test("where the browser has no locks, or gives none, nothing is told and nothing fails", async () => {
  const refusing: Pick<LockManager, "request"> = {
    request: () => Promise.reject(new DOMException("Storage is denied.", "SecurityError")),
  };
  expect(await holdLife(refusing)).toBeUndefined();
  const tell = () => expect.unreachable();
  watchLife(undefined, tell, new MadeLocks());
  watchLife("name", tell, refusing);
  await new Promise((resolve) => setTimeout(resolve));
});
