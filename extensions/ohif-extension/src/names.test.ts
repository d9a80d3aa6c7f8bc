import { expect, it } from "vitest";
import packageJson from "../package.json?raw";
import { EXTENSION_ID, VERSION } from "./names.ts";

it("names itself and its version as the package does", () => {
  expect(JSON.parse(packageJson)).toMatchObject({ name: EXTENSION_ID, version: VERSION });
});
