/**
 * The module `dictionary-data.ts` of @samrefine/dicom, written so that it compresses to three quarters: steps between the
 * ascending tags, representations and keywords apart, put together again when the module is loaded.
 *
 * @param source text of that module
 * @throws Error when what is put together is not what was taken apart.
 */
export function packedDictionary(source: string): string {
  const text = /DICTIONARY_LINES: string = `([^`]*)`/.exec(source)?.[1] ?? "";
  const lines = text.split("\n");
  const tags = lines.map((line) => Number.parseInt(line.slice(0, 8), 16));
  const steps = tags.map((tag, i) => (tag - (tags[i - 1] ?? 0)).toString(36)).join(" ");
  const representations = lines.map((line) => line.slice(8, 10)).join("");
  const keywords = lines.map((line) => line.slice(10)).join(" ");
  const code = `const unpack = ${unpack.toString()};
export const DICTIONARY_LINES = unpack(${[steps, representations, keywords].map((part) => JSON.stringify(part)).join(", ")});
`;
  if (lines.length < 2 || unpack(steps, representations, keywords) !== text) {
    throw new Error(
      "The DICOM dictionary does not survive packing: it must be one template string of lines, tags ascending, keywords without a space.",
    );
  }
  return code;
}

/** Runs in the browser as it stands here. */
function unpack(steps: string, representations: string, keywords: string): string {
  const words = keywords.split(" ");
  let tag = 0;
  return steps
    .split(" ")
    .map((step, i) => {
      tag += Number.parseInt(step, 36);
      const digits = tag.toString(16).toUpperCase().padStart(8, "0");
      return digits + representations.slice(2 * i, 2 * i + 2) + words[i];
    })
    .join("\n");
}
