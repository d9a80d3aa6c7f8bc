import { expect, test } from "vitest";
import { textDecoderFor } from "./character-set.ts";

/** Characters up to U+00FF as bytes. */
function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

// The names of PS3.5 annexes H to K, and one character of JIS X 0212.
test.each([
  ["ASCII", [], "Doe^Jane", "Doe^Jane"],
  [
    "Japanese, two-byte sets beside ASCII",
    ["", "ISO 2022 IR 87"],
    "Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B=\x1b$B$d$^$@\x1b(B^\x1b$B$?$m$&\x1b(B",
    "Yamada^Tarou=山田^太郎=やまだ^たろう",
  ],
  [
    "Japanese, beside half-width katakana",
    ["ISO 2022 IR 13", "ISO 2022 IR 87"],
    "\xd4\xcf\xc0\xde^\xc0\xdb\xb3=\x1b$B;3ED\x1b(J^\x1b$BB@O:\x1b(J=\x1b$B$d$^$@\x1b(J^\x1b$B$?$m$&\x1b(J",
    "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう",
  ],
  ["JIS X 0212", ["", "ISO 2022 IR 159"], "a\x1b$(D0!\x1b(Bb", "a丂b"],
  [
    "Korean",
    ["", "ISO 2022 IR 149"],
    "Hong^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7=\x1b$)C\xc8\xab^\x1b$)C\xb1\xe6\xb5\xbf",
    "Hong^Gildong=洪^吉洞=홍^길동",
  ],
  [
    "Chinese",
    ["", "ISO 2022 IR 58"],
    "Zhang^XiaoDong=\x1b$)A\xd5\xc5^\x1b$)A\xd0\xa1\xb6\xab",
    "Zhang^XiaoDong=张^小东",
  ],
  [
    "two European sets in one value",
    ["ISO 2022 IR 100", "ISO 2022 IR 144"],
    "J\xf6rg \x1b-L\xb8\xd2\xd0\xdd",
    "Jörg Иван",
  ],
  ["an unknown escape", ["ISO 2022 IR 100"], "J\x1b!\xf6rg", "J!örg"],
  ["an unknown term", ["ISO_IR 999"], "J\xf6rg", "Jörg"],
])("%s", (_, terms, stored, expected) => {
  expect(textDecoderFor(terms)(bytesOf(stored))).toBe(expected);
});
