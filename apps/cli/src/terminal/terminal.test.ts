import { expect, test } from "vitest";
import { createTerminal } from "./terminal.ts";

test("on a plain stream a stage is one line that counts in English", () => {
  const lines: string[] = [];
  const stream = { isTTY: false, write: (text: string) => lines.push(text) > 0 } as unknown as NodeJS.WriteStream;
  const progress = createTerminal(stream, stream).startProgress();
  progress.update({ stage: "training", completed: 1, total: 6, unit: "batch" });
  progress.update({ stage: "training", completed: 2, total: 6, unit: "batch" });
  progress.update({ stage: "reading cases", completed: 0, total: 1, unit: "case" });
  progress.update({ stage: "refining", completed: 0, total: 3, unit: "slice" });
  progress.stop();
  expect(lines).toEqual(["training (6 batches)\n", "reading cases (1 case)\n", "refining (3 slices)\n"]);
});
