import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { temporaryFolder } from "../testing/small-instances.ts";
import { withBuildLock } from "./build-lock.ts";

describe("withBuildLock", () => {
  it("lets one build run at a time, and the next one when the first failed", async () => {
    await using folder = await temporaryFolder();
    const events: string[] = [];
    const build = (name: string, fails: boolean) => async (): Promise<void> => {
      events.push(`${name} starts`);
      await new Promise((resolve) => setTimeout(resolve, 20));
      events.push(`${name} ends`);
      if (fails) throw new Error(name);
    };
    const first = withBuildLock(folder.path, undefined, () => undefined, build("a", true));
    const second = withBuildLock(folder.path, undefined, () => undefined, build("b", false));
    await expect(first).rejects.toThrow("a");
    await second;
    // Either may come first; they must not overlap.
    expect(["a starts,a ends,b starts,b ends", "b starts,b ends,a starts,a ends"]).toContain(events.join());
  });

  it("takes over the lock of a process that is gone", async () => {
    await using folder = await temporaryFolder();
    await mkdir(join(folder.path, ".building"));
    // Beyond the largest process id of any system.
    await writeFile(join(folder.path, ".building", "pid"), "99999999");
    expect(
      await withBuildLock(
        folder.path,
        undefined,
        () => undefined,
        async () => "built",
      ),
    ).toBe("built");
  });

  it("stops waiting when it is told to", async () => {
    await using folder = await temporaryFolder();
    await mkdir(join(folder.path, ".building"));
    await writeFile(join(folder.path, ".building", "pid"), String(process.pid));
    const stop = new AbortController();
    const waiting = withBuildLock(
      folder.path,
      stop.signal,
      () => stop.abort(),
      async () => "built",
    );
    await expect(waiting).rejects.toMatchObject({ name: "AbortError" });
  });
});
