import { readFile } from "node:fs/promises";
import { SourceMap } from "node:module";
import { basename, join, relative } from "node:path";
import { defaultLayout, repositoryDirectory } from "@samrefine/viewer/locations";

/** `Profiler.Profile` of the DevTools protocol, the part that is read here. */
export interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: {
      readonly functionName: string;
      readonly url: string;
      readonly lineNumber: number;
      readonly columnNumber: number;
    };
  }[];
  readonly samples?: readonly number[];
  /** Microseconds from one sample to the next. */
  readonly timeDeltas?: readonly number[];
}

/** Who used the thread, milliseconds. */
export interface ThreadTime {
  readonly oursMs: number;
  /** ONNX Runtime: WebAssembly and its JavaScript. */
  readonly runtimeMs: number;
  /** The browser's own work for the thread: copying messages, collecting garbage. */
  readonly browserMs: number;
  /** Scripts of the host. */
  readonly hostMs: number;
  /** Our functions by their own time, largest first; `place` is `file:line` in the repository. */
  readonly functions: readonly { readonly place: string; readonly ms: number }[];
}

type Owner = "ours" | "runtime" | "browser" | "host" | "idle";

const sourceMaps = new Map<string, Promise<SourceMap | undefined>>();

/** The source map that the build wrote beside a script of our bundle. */
function sourceMapOf(url: string): Promise<SourceMap | undefined> {
  const path = /\/samrefine\/(.+\.js)$/.exec(url.split("?")[0] ?? "")?.[1];
  if (path === undefined) return Promise.resolve(undefined);
  let map = sourceMaps.get(path);
  map ??= readFile(join(defaultLayout.web, "samrefine", `${path}.map`), "utf8").then(
    (text) => new SourceMap(JSON.parse(text)),
    () => undefined,
  );
  sourceMaps.set(path, map);
  return map;
}

/** Where a function of our bundle was written: a path in the repository or in node_modules, with its line. */
export async function originalPlace(
  url: string,
  line: number,
  column: number,
): Promise<{ readonly path: string; readonly line: number } | undefined> {
  const entry = (await sourceMapOf(url))?.findEntry(line, column);
  if (entry === undefined || !("originalSource" in entry)) return undefined;
  const path = entry.originalSource.replace(/^(\.\.\/)+/, "").replace(`${relative("/", repositoryDirectory)}/`, "");
  return { path, line: entry.originalLine + 1 };
}

/** The same, by the number of characters before the function. */
export async function placeOfCharacter(url: string, position: number): Promise<string> {
  const path = /\/samrefine\/(.+\.js)$/.exec(url.split("?")[0] ?? "")?.[1];
  if (path === undefined || position < 0) return basename(url);
  const before = (await readFile(join(defaultLayout.web, "samrefine", path), "utf8")).slice(0, position).split("\n");
  const place = await originalPlace(url, before.length - 1, before.at(-1)?.length ?? 0);
  return place ? `${place.path}:${place.line}` : basename(url);
}

/** Sums a thread's samples by owner and function. */
export async function threadTime(profile: CpuProfile): Promise<ThreadTime> {
  const selfMs = new Map<number, number>();
  profile.samples?.forEach((node, index) => {
    selfMs.set(node, (selfMs.get(node) ?? 0) + (profile.timeDeltas?.[index] ?? 0) / 1000);
  });
  const totals: Record<Owner, number> = { ours: 0, runtime: 0, browser: 0, host: 0, idle: 0 };
  const functions = new Map<string, number>();
  for (const { id, callFrame } of profile.nodes) {
    const ms = selfMs.get(id) ?? 0;
    if (ms === 0) continue;
    const { owner, place } = await ownerOf(callFrame);
    totals[owner] += ms;
    if (owner === "ours" || owner === "browser") functions.set(place, (functions.get(place) ?? 0) + ms);
  }
  return {
    oursMs: totals.ours,
    runtimeMs: totals.runtime,
    browserMs: totals.browser,
    hostMs: totals.host,
    functions: [...functions].map(([place, ms]) => ({ place, ms })).sort((a, b) => b.ms - a.ms),
  };
}

async function ownerOf(
  frame: CpuProfile["nodes"][number]["callFrame"],
): Promise<{ readonly owner: Owner; readonly place: string }> {
  const { functionName, url, lineNumber, columnNumber } = frame;
  if (functionName === "(idle)") return { owner: "idle", place: "" };
  if (url.startsWith("wasm:") || basename(url).startsWith("ort-wasm")) return { owner: "runtime", place: "" };
  if (url === "") return { owner: "browser", place: functionName || "(browser)" };
  if (!url.includes("/samrefine/")) return { owner: "host", place: "" };
  const place = await originalPlace(url, lineNumber, columnNumber);
  if (place?.path.includes("node_modules/onnxruntime")) return { owner: "runtime", place: "" };
  return { owner: "ours", place: `${place?.path ?? basename(url)}:${place?.line ?? lineNumber} ${functionName}` };
}
