import { DICTIONARY_LINES } from "./dictionary-data.ts";

export interface DictionaryEntry {
  /** Eight upper-case hex digits, group then element. */
  readonly tag: string;
  /** Two letters; lower case where the context decides (see dictionary-data.ts). */
  readonly vr: string;
  readonly keyword: string;
}

interface Indexes {
  readonly byKeyword: ReadonlyMap<string, DictionaryEntry>;
  readonly byTag: ReadonlyMap<string, DictionaryEntry>;
}

let indexes: Indexes | undefined;

function load(): Indexes {
  if (indexes !== undefined) return indexes;
  const byKeyword = new Map<string, DictionaryEntry>();
  const byTag = new Map<string, DictionaryEntry>();
  for (const line of DICTIONARY_LINES.split("\n")) {
    const entry = { tag: line.slice(0, 8), vr: line.slice(8, 10), keyword: line.slice(10) };
    byKeyword.set(entry.keyword, entry);
    byTag.set(entry.tag, entry);
  }
  indexes = { byKeyword, byTag };
  return indexes;
}

/** Standard element of a keyword (PS3.6), e.g. "PatientID". */
export function entryOfKeyword(keyword: string): DictionaryEntry | undefined {
  return load().byKeyword.get(keyword);
}

/** Standard element of a tag in eight upper-case hex digits, e.g. "00100020". */
export function entryOfTag(tag: string): DictionaryEntry | undefined {
  return load().byTag.get(tag);
}
