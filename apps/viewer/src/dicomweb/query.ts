import { entryOfKeyword, entryOfTag } from "@samrefine/dicom/encoding";
import type { JsonDataSet, JsonElement } from "./dicom-json.ts";
import type { IndexedInstance, InstanceIndex } from "./instance-index.ts";
import { defaultTags, derivedTags, indexedTags, type QueryLevel } from "./query-attributes.ts";

/** A parsed QIDO-RS query (PS3.18 8.3.4 and 10.6). */
export interface Query {
  /** Tag and wanted value; all must match. */
  readonly matches: readonly { readonly tag: string; readonly value: string }[];
  /** Further attributes to return; `"all"` for everything that the index holds. */
  readonly include: "all" | readonly string[];
  readonly offset: number;
  readonly limit: number;
  /** What was asked for and is not done, for the Warning header. */
  readonly warnings: readonly string[];
}

/** Most results that are returned at once, whatever is asked for. */
export const maximumResults = 10_000;

/** Parses the query part of an address. Unknown keys are ignored with a warning, as the standard wants. */
export function parseQuery(parameters: URLSearchParams): Query {
  const matches: { tag: string; value: string }[] = [];
  const include = new Set<string>();
  const warnings: string[] = [];
  let includesAll = false;
  for (const [name, value] of parameters) {
    if (name === "limit" || name === "offset") continue;
    if (name === "fuzzymatching") {
      if (value === "true") warnings.push("fuzzy matching is not supported; literal matching was done");
    } else if (name === "includefield") {
      for (const field of value.split(",").filter((part) => part !== "")) {
        const tag = tagOf(field);
        if (field === "all") includesAll = true;
        else if (tag !== undefined) include.add(tag);
        else warnings.push(`includefield ${field} is not known`);
      }
    } else {
      const tag = tagOf(name);
      if (tag === undefined || !(indexedTags.has(tag) || tag === derivedTags.modalitiesInStudy)) {
        warnings.push(`matching by ${name} is not supported and was ignored`);
      } else if (value !== "") {
        matches.push({ tag, value });
      }
    }
  }
  return {
    matches,
    include: includesAll ? "all" : [...include],
    offset: countOf(parameters.get("offset"), 0),
    limit: Math.min(countOf(parameters.get("limit"), maximumResults), maximumResults),
    warnings,
  };
}

function tagOf(name: string): string | undefined {
  if (/^[0-9a-fA-F]{8}$/.test(name)) return name.toUpperCase();
  return entryOfKeyword(name)?.tag;
}

function countOf(text: string | null, otherwise: number): number {
  const count = Number(text);
  return text !== null && text !== "" && Number.isInteger(count) && count >= 0 ? count : otherwise;
}

/** Results of a query, whole, and how many of them the page leaves for later. */
export interface QueryResult {
  readonly page: readonly JsonDataSet[];
  readonly remaining: number;
}

/** Where a query looks. */
export interface QueryScope {
  readonly level: QueryLevel;
  readonly studyUid?: string | undefined;
  readonly seriesUid?: string | undefined;
  /** Absolute address of the DICOMweb root, for Retrieve URL. */
  readonly root: string;
}

/** Answers a query from the index. */
export function runQuery(index: InstanceIndex, scope: QueryScope, query: Query): QueryResult {
  const candidates = candidatesOf(index, scope);
  const found = candidates
    .filter((candidate) => query.matches.every(({ tag, value }) => matchesValue(candidate.all[tag], value, tag)))
    .sort((a, b) => newestFirst(a.all, b.all, scope.level));
  const page = found
    .slice(query.offset, query.offset + query.limit)
    .map((candidate) => select(candidate, scope, query));
  return { page, remaining: Math.max(0, found.length - query.offset - page.length) };
}

interface Candidate {
  readonly all: JsonDataSet;
  readonly returned: readonly string[];
}

function candidatesOf(index: InstanceIndex, scope: QueryScope): readonly Candidate[] {
  const studies = scope.studyUid === undefined ? index.studyUids : [scope.studyUid];
  return studies.flatMap((studyUid) => {
    const inStudy = index.instancesOf(studyUid);
    const first = inStudy[0];
    if (first === undefined) return [];
    const derived = studyAttributes(index, studyUid, inStudy, scope.root);
    const study: JsonDataSet = { ...pick(first.attributes, defaultTags.study), ...derived };
    if (scope.level === "study") return [{ all: { ...first.attributes, ...derived }, returned: Object.keys(study) }];
    // Below the study its attributes come along only when the address does not name the study already (PS3.18 10.6.3).
    const above = scope.studyUid === undefined ? Object.keys(study) : ["0020000D"];
    return seriesCandidates(index, scope, studyUid, derived, above);
  });
}

function seriesCandidates(
  index: InstanceIndex,
  scope: QueryScope,
  studyUid: string,
  studyDerived: JsonDataSet,
  above: readonly string[],
): readonly Candidate[] {
  const wanted = scope.seriesUid === undefined ? index.seriesUids(studyUid) : [scope.seriesUid];
  return wanted.flatMap((seriesUid) => {
    const inSeries = index.instancesOf(studyUid, seriesUid);
    const first = inSeries[0];
    if (first === undefined) return [];
    const url = `${scope.root}/studies/${studyUid}/series/${seriesUid}`;
    const derived: JsonDataSet = {
      [derivedTags.instancesInSeries]: { vr: "IS", Value: [inSeries.length] },
      [derivedTags.retrieveUrl]: { vr: "UR", Value: [url] },
    };
    const seriesReturned = [...above, ...defaultTags.series, ...Object.keys(derived)];
    if (scope.level === "series") {
      return [{ all: { ...first.attributes, ...studyDerived, ...derived }, returned: seriesReturned }];
    }
    const aboveInstance = scope.seriesUid === undefined ? seriesReturned : [...above, "0020000E"];
    return inSeries.map((instance) => ({
      all: {
        ...instance.attributes,
        ...studyDerived,
        ...derived,
        [derivedTags.retrieveUrl]: { vr: "UR", Value: [`${url}/instances/${instance.sopUid}`] },
      },
      returned: [...aboveInstance, ...defaultTags.instance, derivedTags.retrieveUrl],
    }));
  });
}

function studyAttributes(
  index: InstanceIndex,
  studyUid: string,
  instances: readonly IndexedInstance[],
  root: string,
): JsonDataSet {
  const modalities = [...new Set(instances.flatMap((instance) => instance.attributes["00080060"]?.Value ?? []))];
  return {
    [derivedTags.modalitiesInStudy]: { vr: "CS", Value: modalities.sort() },
    [derivedTags.seriesInStudy]: { vr: "IS", Value: [index.seriesUids(studyUid).length] },
    [derivedTags.instancesInStudy]: { vr: "IS", Value: [instances.length] },
    [derivedTags.retrieveUrl]: { vr: "UR", Value: [`${root}/studies/${studyUid}`] },
  };
}

function select(candidate: Candidate, scope: QueryScope, query: Query): JsonDataSet {
  if (query.include === "all") return sorted(candidate.all);
  const wanted = [...candidate.returned, ...query.include];
  // An attribute that a query returns by default is present even when it has no value.
  const defaults = Object.fromEntries(
    defaultTags[scope.level]
      .filter((tag) => tag !== "00080005" && tag !== "00080201")
      .map((tag): [string, JsonElement] => [tag, { vr: entryOfTag(tag)?.vr ?? "UN" }]),
  );
  return sorted({ ...defaults, ...pick(candidate.all, wanted) });
}

function pick(dataSet: JsonDataSet, tags: readonly string[]): JsonDataSet {
  return Object.fromEntries(
    tags.flatMap((tag) => {
      const element = dataSet[tag];
      return element === undefined ? [] : [[tag, element] as const];
    }),
  );
}

function sorted(dataSet: JsonDataSet): JsonDataSet {
  return Object.fromEntries(Object.entries(dataSet).sort(([a], [b]) => (a < b ? -1 : 1)));
}

function newestFirst(a: JsonDataSet, b: JsonDataSet, level: QueryLevel): number {
  if (level !== "study") return 0;
  const key = (dataSet: JsonDataSet): string =>
    `${dataSet["00080020"]?.Value?.[0] ?? ""}${dataSet["00080030"]?.Value?.[0] ?? ""}`;
  return key(a) < key(b) ? 1 : key(a) > key(b) ? -1 : 0;
}

/** Attribute matching of PS3.4 C.2.2.2: single value, UID list, wildcard and range. Text is compared without case. */
export function matchesValue(element: JsonElement | undefined, wanted: string, tag: string): boolean {
  const vr = entryOfTag(tag)?.vr ?? "LO";
  const values = (element?.Value ?? []).map(asText);
  if (vr === "UI" || tag === derivedTags.modalitiesInStudy) {
    const list = wanted.split(/[,\\]/).map((part) => part.trim());
    return values.some((value) => list.includes(value));
  }
  if ((vr === "DA" || vr === "TM" || vr === "DT") && wanted.includes("-")) {
    return values.some((value) => inRange(value, wanted));
  }
  if (vr === "IS" || vr === "DS" || vr === "US") return values.some((value) => Number(value) === Number(wanted));
  const pattern = wildcard(wanted);
  // "*" alone matches a missing value as well.
  return wanted === "*" || values.some((value) => pattern.test(value));
}

function asText(value: unknown): string {
  if (typeof value === "object" && value !== null && "Alphabetic" in value) return String(value.Alphabetic);
  return value === null || value === undefined ? "" : String(value);
}

function inRange(value: string, range: string): boolean {
  const [from = "", to = ""] = range.split("-").map((part) => part.trim());
  // The upper end counts to its own precision: 2024 up to the end of 2024, 12 up to 12:59:59.
  return (from === "" || value >= from) && (to === "" || value.slice(0, to.length) <= to);
}

function wildcard(wanted: string): RegExp {
  const escaped = wanted
    .replace(/[.+^${}()|[\]\\]/g, "\\$&")
    .replaceAll("*", ".*")
    .replaceAll("?", ".");
  return new RegExp(`^${escaped}$`, "iu");
}
