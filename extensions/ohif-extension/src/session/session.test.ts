import { cache, metaData } from "@cornerstonejs/core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { parseConfiguration } from "../configuration.ts";
import type { OhifHost } from "../host/ohif-host.ts";
import type { HostDisplaySet, HostSegment, HostSegmentation } from "../host-types.ts";
import { decodeLabels } from "../labelmap/runs.ts";
import type { SegJob } from "../seg/seg-job.ts";
import { RecordBook } from "./record-book.ts";
import { RefineSession } from "./session.ts";

const SLICES = 2;
const imageIds = Array.from({ length: SLICES }, (_, slice) => `made:image/${slice}`);
const displaySet = {
  displaySetInstanceUID: "series",
  StudyInstanceUID: "1.2",
  SeriesInstanceUID: "1.2.3",
  Modality: "MR",
  imageIds,
} as unknown as HostDisplaySet;

interface Memo {
  restoreMemo(isUndo?: boolean): void;
}

/** One viewport that shows one series, with the host's own list of segmentations and its history. */
class OneViewport {
  readonly segmentations = new Map<string, HostSegmentation>();
  readonly labels = new Map<string, Uint8Array[]>();
  readonly done: Memo[] = [];
  active: string | undefined;
  readonly activeViewportId = "viewport";
  visible = 0;
  readonly history = {
    canUndo: true,
    canRedo: false,
    push: (memo: Memo) => this.done.push(memo),
    undo: () => this.done.pop()?.restoreMemo(true),
    redo: () => {},
  };

  seriesOfViewport = () => displaySet;
  displaySetsOf = () => [displaySet];
  viewportIdsOf = () => ["viewport"];
  visibleSlice = () => this.visible;
  jumpTo = (_: HostDisplaySet, slice: number): void => {
    this.visible = slice;
  };
  onLayoutChange = () => ({ unsubscribe: () => {} });
  displaySet = () => displaySet;
  segmentation = (id: string) => this.segmentations.get(id);
  activeSegmentation = () => this.segmentations.get(this.active ?? "");
  activateSegmentation = (_: HostDisplaySet, id: string): void => {
    this.active = id;
  };
  activeNumber = 1;
  activeSegment = () => this.activeNumber;
  setActiveSegment = (_: string, number: number): void => {
    this.activeNumber = number;
  };
  setSegmentColor = () => {};
  addSegment = (id: string, segmentIndex: number, label: string): void => {
    this.restoreSegment(id, { segmentIndex, label });
  };
  restoreSegment = (id: string, segment: HostSegment): void => {
    const known = this.segmentations.get(id)!;
    this.segmentations.set(id, { ...known, segments: { ...known.segments, [segment.segmentIndex]: segment } });
  };
  removeSegment = (id: string, number: number): HostSegment | undefined => {
    const known = this.segmentations.get(id)!;
    const { [number]: removed, ...segments } = known.segments;
    this.segmentations.set(id, { ...known, segments });
    return removed;
  };
  segmentColor = () => [1, 2, 3];
  isSegmentVisible = () => true;
  showSegmentation = async () => {};
  isRefineToolInHand = false;
  takeRefineTool = (): void => {
    this.isRefineToolInHand = true;
  };
  takeWindowLevelTool = (): void => {
    this.isRefineToolInHand = false;
  };
  describeToolButton = () => {};

  createSegmentation = async (_: HostDisplaySet, label: string): Promise<string> => {
    const segmentationId = `segmentation ${this.segmentations.size + 1}`;
    const made = imageIds.map(() => new Uint8Array(4));
    const labelIds = made.map((data, slice) => {
      const imageId = `made:${segmentationId}/${slice}`;
      const image = { imageId, columns: 2, rows: 2, sizeInBytes: 4, voxelManager: { getScalarData: () => data } };
      cache.putImageSync(imageId, image as never);
      return imageId;
    });
    this.labels.set(segmentationId, made);
    this.segmentations.set(segmentationId, {
      segmentationId,
      label,
      segments: { 1: { segmentIndex: 1, label: `${label} 1` } },
      representationData: { Labelmap: { imageIds: labelIds, referencedImageIds: imageIds } },
    });
    this.active = segmentationId;
    return segmentationId;
  };

  /** What the host's brush does. */
  draw(session: RefineSession, slice: number): void {
    this.labels.get(this.active ?? "")![slice]!.fill(1, 0, 3);
    session.hostEdited(this.active ?? "", [slice]);
  }
}

const instance = () => ({
  SOPClassUID: "1.2.840.10008.5.1.4.1.1.7",
  SOPInstanceUID: "1.2.3.4",
  SeriesInstanceUID: "1.2.3",
  StudyInstanceUID: "1.2",
  Rows: 2,
  Columns: 2,
});
const stubStorage = () => vi.stubGlobal("localStorage", { getItem: () => null });
const provider = (type: string) => (type === "instance" ? instance() : undefined);
beforeAll(() => {
  metaData.addProvider(provider);
  stubStorage();
});
afterAll(() => {
  metaData.removeProvider(provider);
  vi.unstubAllGlobals();
});

let host: OneViewport;
let session: RefineSession;
const sessionOfHost = () =>
  new RefineSession({
    host: host as unknown as OhifHost,
    configuration: parseConfiguration({}),
    startRefinery: () => {
      throw new Error("no worker here");
    },
    promptView: { show: () => {} },
    readSegOf: () => undefined,
    memory: { creator: "" },
  });
beforeEach(async () => {
  cache.purgeCache();
  host = new OneViewport();
  session = sessionOfHost();
  await session.start();
  return () => session.stop();
});

/** Lets the session count and tell. */
async function state() {
  await new Promise((resolve) => setTimeout(resolve, 60));
  return session.getState();
}

describe("two segmentations of one series", () => {
  it("are both to be stored, and the one that is not listed is named and can be listed again", async () => {
    await session.addSegment();
    const first = host.active!;
    host.draw(session, 0);
    await host.createSegmentation(displaySet, "Another");
    session.sliceChanged();
    await state();
    host.draw(session, 1);
    const both = await state();
    expect(both.segsToStore).toBe(2);
    expect(both.otherSegmentations).toEqual([
      { id: first, label: "SAM Refine", segments: ["SAM Refine 1"], isStored: false },
    ]);
    session.showSegmentation(first);
    const back = await state();
    expect(host.active).toBe(first);
    expect(back.segments.map(({ voxels }) => voxels)).toEqual([3]);
    expect(back.otherSegmentations.map(({ label }) => label)).toEqual(["Another"]);
  });

  it("stay apart when a model runs that made one of them before: it goes on with its own", async () => {
    const life = new AbortController();
    const book = new RecordBook({
      host: host as unknown as OhifHost,
      readSegOf: () => undefined,
      life: life.signal,
      onChange: () => {},
      onUndone: () => {},
    });
    const series = book.open(displaySet);
    const model = { id: "a", title: "A", labels: [] };
    const ofA = await book.forModel(series, model);
    const ofB = await book.forModel(series, { ...model, id: "b", title: "B" });
    expect(book.of(series)).toBe(ofB);
    expect(await book.forModel(series, model)).toBe(ofA);
    expect(book.allOf(series)).toEqual([ofA, ofB]);
    expect([ofA, ofB].map((record) => book.seriesOf(record))).toEqual([series, series]);
  });
});

describe("a slice on screen", () => {
  it("is marked as reviewed and no longer, each an undoable step", async () => {
    session.markReviewed();
    expect((await state()).status.text).toMatch(/nothing to review/);
    await session.addSegment();
    const status = async () => (await state()).strips[0]!.cells[1]!.status;
    host.visible = 1;
    session.markReviewed();
    expect(await status()).toBe("reviewed");
    session.markReviewed();
    expect(await status()).toBe("empty");
    session.undo();
    expect(await status()).toBe("reviewed");
    session.undo();
    expect(await status()).toBe("empty");
  });
});

describe("a deleted segment", () => {
  it("is gone with its pixels, comes back where it was by one undo, and its number is not used again", async () => {
    await session.addSegment();
    await session.addSegment();
    host.draw(session, 0);
    const rows = async () => (await state()).segments.map(({ number, voxels }) => [number, voxels]);
    expect(await rows()).toEqual([
      [1, 3],
      [2, 0],
    ]);
    host.activeNumber = 1;
    session.removeSegment(1);
    expect(await rows()).toEqual([[2, 0]]);
    expect(host.activeNumber).toBe(2);
    expect((await state()).segsToStore).toBe(0);
    session.undo();
    expect(await rows()).toEqual([
      [1, 3],
      [2, 0],
    ]);
    expect((await state()).segments.find(({ isActive }) => isActive)?.number).toBe(1);
    session.removeSegment(2);
    await session.addSegment();
    expect((await rows()).map(([number]) => number)).toEqual([1, 3]);
  });

  it("is there again for the model that made it, when that runs once more", async () => {
    const book = new RecordBook({
      host: host as unknown as OhifHost,
      readSegOf: () => undefined,
      life: new AbortController().signal,
      onChange: () => {},
      onUndone: () => {},
    });
    const series = book.open(displaySet);
    const concept = { value: "64033007", scheme: "SCT", meaning: "Kidney" };
    const label = { number: 1, label: "A 1", colorRgb: [1, 2, 3], category: concept, type: concept } as const;
    const model = { id: "a", title: "A", labels: [label] };
    const record = await book.forModel(series, model);
    book.removeSegment(record, 1);
    expect(book.of(series)?.segments).toEqual([]);
    expect(await book.forModel(series, model)).toBe(record);
    expect(book.of(series)?.segments).toMatchObject([label]);
  });

  it("can be the last one: the tool and the button then begin a new one", async () => {
    await session.addSegment();
    session.removeSegment(1);
    expect((await state()).segments).toEqual([]);
    await session.addSegment();
    expect((await state()).segments.map(({ number }) => number)).toEqual([2]);
  });
});

describe("the tool's button", () => {
  it("says whether the tool is in hand, and lays it down again", async () => {
    expect((await state()).isToolInHand).toBe(false);
    session.toggleTool();
    session.toolChanged();
    expect((await state()).isToolInHand).toBe(true);
    session.toggleTool();
    session.toolChanged();
    expect((await state()).isToolInHand).toBe(false);
  });
});

describe("the next doubtful slice", () => {
  afterEach(() => {
    vi.unstubAllGlobals();
    stubStorage();
  });

  /** A page with an index of models that names none. */
  async function opened(): Promise<RefineSession> {
    vi.stubGlobal("location", { href: "http://viewer/" });
    vi.stubGlobal("document", { createElement: () => ({ getContext: () => ({ getExtension: () => null }) }) });
    vi.stubGlobal("fetch", async () => Response.json({ schema: "samrefine-index/1", manifests: [] }));
    const ready = sessionOfHost();
    await ready.start();
    return ready;
  }

  it("does not take away what can be done before anything is segmented", async () => {
    const ready = await opened();
    const { text, tone } = ready.getState().status;
    expect(text).not.toBe("");
    ready.goToNextFlagged();
    ready.goToNextFlagged();
    await new Promise((resolve) => setTimeout(resolve));
    expect(ready.getState().status).toEqual({
      text: `No slice is to check before the study is segmented. ${text}`,
      tone,
    });
    ready.markReviewed();
    await new Promise((resolve) => setTimeout(resolve));
    expect(ready.getState().status.text).toMatch(new RegExp(`^There is nothing to review yet: .* ${text}$`));
    await ready.stop();
  });

  it("leaves an error to be read", async () => {
    const { status } = await state();
    expect(status.tone).toBe("error");
    session.goToNextFlagged();
    expect((await state()).status).toEqual(status);
  });
});

it("adds no segment whose number the label map cannot hold", async () => {
  for (let number = 1; number <= 256; number++) await session.addSegment();
  const { segments, status } = await state();
  expect(segments).toHaveLength(255);
  expect(status).toMatchObject({ tone: "warning", text: expect.stringContaining("all 255 numbers") });
});

describe("undo and redo", () => {
  it("are the host's while nothing runs, and nobody's during a run", async () => {
    await session.addSegment();
    session.markReviewed();
    expect([session.takesUndo(), session.takesRedo()]).toEqual([false, false]);
    // Begins with something to wait for; without a worker it then fails.
    const busy = session.chooseBackend("automatic");
    expect([session.takesUndo(), session.takesRedo()]).toEqual([true, true]);
    session.undo();
    expect(host.done).toHaveLength(1);
    await busy;
    session.undo();
    expect(host.done).toHaveLength(0);
  });
});

describe("work that is not stored", () => {
  it("holds the page only while there is some", async () => {
    expect(session.wouldLose).toBe(false);
    await session.addSegment();
    expect(session.wouldLose).toBe(false);
    host.draw(session, 0);
    expect(session.wouldLose).toBe(true);
  });

  it("is read when the study is left, before the host empties its label maps", async () => {
    const written: SegJob[] = [];
    // Takes comlink's calls and answers none.
    class Recorder extends EventTarget {
      terminate(): void {}
      postMessage({ argumentList }: { readonly argumentList: readonly { readonly value: SegJob }[] }): void {
        for (const { value } of argumentList) written.push(value);
      }
    }
    vi.stubGlobal("Worker", Recorder);
    await session.addSegment();
    host.draw(session, 1);
    void session.stop();
    for (const slice of host.labels.get(host.active!)!) slice.fill(0);
    cache.purgeCache();
    await vi.waitFor(() => expect(written).toHaveLength(1));
    expect(written[0]!.slices.map(({ labels }) => [...decodeLabels(labels)])).toEqual([
      [0, 0, 0, 0],
      [1, 1, 1, 0],
    ]);
  });
});
