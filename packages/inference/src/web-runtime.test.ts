import { expect, test } from "vitest";
import { chooseThreads } from "./web-runtime.ts";

test("threads follow the cores up to eight, what was asked for, and isolation", () => {
  const isolated = (cores: number, asked?: number) => chooseThreads(asked, { isIsolated: true, cores });
  expect(isolated(4)).toEqual({ threads: 4, description: "WebAssembly, 4 threads" });
  expect(isolated(32).threads).toBe(8);
  expect(isolated(8, 2).threads).toBe(2);
  expect(isolated(1)).toEqual({ threads: 1, description: "WebAssembly, 1 thread" });
  expect(chooseThreads(4, { isIsolated: false, cores: 8 })).toEqual({
    threads: 1,
    description: "WebAssembly, 1 thread: the page is not cross-origin isolated",
  });
});
