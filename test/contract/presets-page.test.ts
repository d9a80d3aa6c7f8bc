// docs/presets.md: the list is of the presets that exist, and the menu of a trial is the one that runs.
import { readFileSync } from "node:fs";
import { refinementPresets } from "@samrefine/core";
import { trialMenu } from "@samrefine/evaluation";
import { expect, test } from "vitest";

const page = readFileSync(new URL("../../docs/presets.md", import.meta.url), "utf8");
const section = (title: string): string => page.split(/^## /m).find((part) => part.startsWith(title)) ?? "";
const named = (text: string): string[] => [...text.matchAll(/`([a-z]+(?:-[A-Za-z0-9]+)*)`/g)].map(([, name]) => name!);

test("every preset has its place in the list, and no other is there", () => {
  const rows = section("The list")
    .split("\n")
    .filter((line) => line.startsWith("| `"));
  const listed = rows.flatMap((row) => named(row.split("|")[1] ?? ""));
  expect(listed.toSorted()).toEqual([...refinementPresets.keys()].toSorted());
});

test("what a trial adds to its menu is named", () => {
  const paragraph = section("The list")
    .split("\n\n")
    .find((part) => part.startsWith("`calibrate`"));
  const added = trialMenu([{ ring: 1, inner: 2 }])
    .map(({ id }) => id)
    .filter((id) => !refinementPresets.has(id));
  expect(named(paragraph ?? "")).toEqual(expect.arrayContaining(added));
});
