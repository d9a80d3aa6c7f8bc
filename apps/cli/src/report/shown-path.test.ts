import { join, resolve } from "node:path";
import { expect, test } from "vitest";
import { shownPath } from "./shown-path.ts";

test("paths of reports hold no folder of this machine", () => {
  expect(shownPath("models/unet-tooth/manifest.json")).toBe("models/unet-tooth/manifest.json");
  expect(shownPath(resolve("models/unet-tooth/manifest.json"))).toBe(join("models", "unet-tooth", "manifest.json"));
  expect(shownPath("/data/of/someone/unet-tooth/manifest.json")).toBe(join("unet-tooth", "manifest.json"));
});
