import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { writeOutput } from "../command-context.ts";

const START = "<!-- measured:start -->";
const END = "<!-- measured:end -->";

/** Puts text between the markers of a Markdown document, appending them when they are not there. */
export function replaceMeasured(document: string, measured: string): string {
  const section = `${START}\n${measured.trim()}\n${END}`;
  const start = document.indexOf(START);
  const end = document.indexOf(END);
  if (start >= 0 && end > start) return document.slice(0, start) + section + document.slice(end + END.length);
  const before = document.trim() === "" ? "" : `${document.trimEnd()}\n\n`;
  return `${before}## Measured\n\n${section}\n`;
}

/** Writes the measured table into the README.md beside a model's manifest. Returns its path. */
export async function writeModelCard(manifestPath: string, measured: string): Promise<string> {
  const path = join(dirname(manifestPath), "README.md");
  const document = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return "";
    throw error;
  });
  await writeOutput(path, replaceMeasured(document, measured));
  return path;
}
