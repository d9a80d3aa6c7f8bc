import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { temporaryFolder } from "../testing/small-instances.ts";
import { runStage, type StageInputs } from "./stamp.ts";

describe("runStage", () => {
  it("runs once, and again when an input changes, an output goes, or the last run failed", async () => {
    await using folder = await temporaryFolder();
    const [source, output] = [join(folder.path, "source.ts"), join(folder.path, "output.js")];
    await writeFile(source, "1");
    let runs = 0;
    let fails = false;
    const stage = (inputs: StageInputs = { contents: [source] }): Promise<boolean> =>
      runStage(
        {
          name: "stage",
          inputs,
          outputs: [output],
          run: async () => {
            runs += 1;
            if (fails) throw new Error("broken");
            await writeFile(output, "built");
          },
        },
        join(folder.path, "stamps"),
      );
    expect([await stage(), await stage()]).toEqual([true, false]);
    await writeFile(source, "2");
    expect([await stage(), await stage()]).toEqual([true, false]);
    await rm(output);
    expect([await stage(), await stage()]).toEqual([true, false]);
    fails = true;
    await writeFile(source, "3");
    await expect(stage()).rejects.toThrow("broken");
    fails = false;
    await writeFile(source, "2");
    expect(await stage()).toBe(true);
    expect(await stage({ contents: [source], values: ["2.0"] })).toBe(true);
    expect(runs).toBe(6);
  });
});
