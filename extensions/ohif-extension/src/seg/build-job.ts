import { RefineError } from "@samrefine/core";
import { lateralityOf, newUid, type SegmentAlgorithm, type SourceInstance } from "@samrefine/dicom";
import { nextTask } from "../host/next-task.ts";
import {
  algorithmType,
  type SegmentationRecord,
  type SegmentHistory,
  type SegmentInfo,
  untouched,
} from "../labelmap/segmentation-record.ts";
import type { SeriesSource } from "../series/series-source.ts";
import type { SegJob } from "./seg-job.ts";
import { personNameOf, plainText, type SegRemarks } from "./seg-remarks.ts";

/** Far from the numbers of acquired series, and below the largest IS value. */
const SERIES_NUMBER_OFFSET = 9000;

export interface JobNames {
  /** Id and version of the network that proposed; undefined when none did. */
  readonly network: string | undefined;
  readonly promptable: string | undefined;
  /** Whether the network's plan asks the promptable model; some plans keep the network's masks. */
  readonly planAsksPromptable: boolean;
  readonly softwareVersion: string;
  readonly remarks: SegRemarks;
}

/**
 * Everything that the SEG will say, taken at this moment. Empty segments are left out and the rest is numbered anew, because a
 * binary SEG wants 1..N without gaps.
 * @param turnMs Longest work in one go, so that the viewer goes on drawing; with Infinity all is taken before this returns.
 * @throws RefineError `seg-encoding` when there is nothing to store.
 */
export async function buildSegJob(
  series: Pick<SeriesSource, "sliceCount" | "instances" | "displaySet">,
  record: SegmentationRecord,
  names: JobNames,
  turnMs = TURN_MS,
): Promise<SegJob> {
  const { revision } = record;
  const slices: SegJob["slices"][number][] = [];
  for (let slice = 0, turn = performance.now(); slice < series.sliceCount; slice++) {
    const { labels, hidden } = record.state(slice);
    slices.push({ labels, hidden });
    if (performance.now() - turn < turnMs) continue;
    await nextTask();
    turn = performance.now();
  }
  while (!record.recount(turnMs)) await nextTask();
  if (record.revision !== revision) {
    throw new RefineError("seg-encoding", "The segmentation was changed while it was being written.", {
      hint: "Store it again.",
    });
  }
  const present = record.segments.filter(({ number }) => slices.some((_, slice) => record.pixels(slice, number) > 0));
  if (present.length === 0) {
    throw new RefineError("seg-encoding", "There is nothing to store: every segment is empty.", {
      hint: "Auto-segment the study or click a structure first.",
    });
  }
  const seriesNumber = Number(series.displaySet.SeriesNumber ?? 0);
  return {
    sources: plainInstances(series.instances),
    slices,
    segments: present.map((segment, index) => {
      const history = record.history.get(segment.number) ?? untouched;
      const type = algorithmType(history);
      return {
        ...segment,
        number: index + 1,
        labelValue: segment.number,
        algorithmType: type,
        typeModifiers: segment.typeModifiers ?? lateralityOf(segment.label, segment.type),
        ...(type === "MANUAL" ? {} : { algorithm: algorithmOf(segment, names, history) }),
      };
    }),
    seriesDescription: plainText(
      plainText(names.remarks.description) || `SAM Refine: ${present.map(({ label }) => label).join(", ")}`,
    ),
    contentCreatorName: personNameOf(names.remarks.creator),
    seriesNumber: SERIES_NUMBER_OFFSET + (Number.isFinite(seriesNumber) ? seriesNumber % 1000 : 0),
    created: new Date(),
    sopInstanceUid: newUid(),
    seriesInstanceUid: newUid(),
    predecessor: record.predecessor,
  };
}

const TURN_MS = 12;

/** Names only what took part in this very segment: before the SEG was stored that it was opened from, and since. */
function algorithmOf(
  { algorithm: earlier }: SegmentInfo,
  names: JobNames,
  { byNetwork, byPrompts }: SegmentHistory,
): SegmentAlgorithm {
  const network = byNetwork ? names.network : undefined;
  const promptable = byPrompts || (byNetwork && names.planAsksPromptable) ? names.promptable : undefined;
  const taken = [network, promptable].filter((name) => name !== undefined);
  if (earlier === undefined) {
    return {
      name: taken.length === 0 ? "SAM Refine" : `SAM Refine: ${taken.join(" + ")}`,
      version: names.softwareVersion,
    };
  }
  const added = taken.filter((name) => !earlier.name.includes(name));
  if (added.length === 0) return earlier;
  return {
    ...earlier,
    name: `${earlier.name} + ${added.join(" + ")}`,
    version: `${earlier.version}; SAM Refine ${names.softwareVersion}`,
  };
}

/**
 * Without the accessors and functions that the host hangs on its metadata: those cannot cross to a worker. What several frames
 * share stays shared, because a multi-frame file lists all its frames in the metadata of each.
 */
export function plainInstances(instances: readonly SourceInstance[]): SourceInstance[] {
  const known = new Map<object, unknown>();
  return instances.map((instance) => ({
    ...instance,
    attributes: plainValue(instance.attributes, known) as SourceInstance["attributes"],
  }));
}

const DEEPEST = 12;

function plainValue(value: unknown, known: Map<object, unknown>, depth = 0): unknown {
  if (depth > DEEPEST || typeof value === "function" || typeof value === "symbol") return undefined;
  if (typeof value !== "object" || value === null) return value;
  if (ArrayBuffer.isView(value)) return value;
  const seen = known.get(value);
  if (seen !== undefined) return seen;
  if (Array.isArray(value)) {
    const list: unknown[] = [];
    known.set(value, list);
    for (const item of value) list.push(plainValue(item, known, depth + 1));
    return list;
  }
  const result: Record<string, unknown> = {};
  known.set(value, result);
  // The host describes a frame by an object that inherits from that of its file.
  for (const keyword in value) {
    if (keyword === "PixelData" || keyword.startsWith("_")) continue;
    const plain = plainValue((value as Record<string, unknown>)[keyword], known, depth + 1);
    if (plain !== undefined) result[keyword] = plain;
  }
  return result;
}
