import fc from "fast-check";
import { expect, it } from "vitest";
import { personNameOf, plainText } from "./seg-remarks.ts";

it.each([
  ["Doe, Jane", "Doe^Jane"],
  ["Doe^Jane^^Dr", "Doe^Jane^^Dr"],
  ["  Doe ", "Doe"],
  ["Doe=\\x", "Doe  x"],
  ["", ""],
])("writes %s as a person name", (typed, written) => {
  expect(personNameOf(typed)).toBe(written);
});

it("makes of any text one value that its element can hold", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 100 }), (typed) => {
      for (const text of [plainText(typed), personNameOf(typed)]) {
        expect(text.length).toBeLessThanOrEqual(64);
        expect(text).not.toMatch(/[\\\p{Cc}]/u);
        expect(text).toBe(text.trim());
      }
      expect(personNameOf(typed)).not.toContain("=");
    }),
  );
});
