import type { DisplayRange, MaskChoice } from "@samrefine/core";
import type { OhifHost } from "../host/ohif-host.ts";
import { decodeLabels, encodeMask } from "../labelmap/runs.ts";
import type { SegmentationRecord } from "../labelmap/segmentation-record.ts";
import { type EditablePrompt, isAnswerable, isEmptyPrompt } from "../prompts/editable-prompt.ts";
import type { PromptObject } from "../prompts/prompt-object.ts";
import type { RefineryClient } from "../refinery/client.ts";
import type { DecodeResult } from "../refinery/contract.ts";
import type { SeriesSource } from "../series/series-source.ts";
import {
  beginEdit,
  continueEdit,
  type Gesture,
  MASK_TOKENS,
  type PendingEdit,
  previewLabels,
  promptOf,
  withoutLastGesture,
} from "../tool/pending-edit.ts";
import type { Activity } from "./activity.ts";
import type { RecordBook } from "./record-book.ts";

/** The object id under which the prompts of a preview are shown. */
export const PENDING_OBJECT = "pending";

export interface PromptEditingPorts {
  readonly host: OhifHost;
  readonly book: RecordBook;
  readonly activity: Activity;
  readonly life: AbortSignal;
  readonly onChange: () => void;
  /** False when no SAM is installed. */
  readonly hasPromptable: () => boolean;
  readonly loadPromptable: (signal: AbortSignal) => Promise<RefineryClient>;
}

interface Question {
  readonly slice: number;
  readonly segment: number;
  readonly prompt: EditablePrompt;
  readonly initial?: Uint8Array | undefined;
  readonly lowResLogits?: PendingEdit["lowResLogits"];
  readonly maskChoice?: MaskChoice | undefined;
}

/**
 * Clicks, boxes and dragged prompts: each asks SAM about one object on one slice. A gesture's answer is a preview until it is
 * accepted or dropped; an edited prompt of an accepted object changes its mask at once.
 */
export class PromptEditing {
  readonly #ports: PromptEditingPorts;
  #pending: PendingEdit | undefined;
  #isAnswering = false;
  /** Enter was pressed while SAM was still answering. */
  #acceptsNextAnswer = false;
  #gestures: Promise<void> = Promise.resolve();
  clickMode: "include" | "exclude" = "include";

  constructor(ports: PromptEditingPorts) {
    this.#ports = ports;
  }

  get pending(): PendingEdit | undefined {
    return this.#pending;
  }

  /** A gesture of the tool; gestures are answered in the order in which they came. */
  gesture(series: SeriesSource, slice: number, gesture: Gesture): Promise<void> {
    this.#gestures = this.#gestures
      .then(() => this.#handleGesture(series, slice, gesture))
      .catch((error) => {
        if (!this.#ports.life.aborted) this.#ports.activity.fail(error);
      });
    return this.#gestures;
  }

  async #handleGesture(series: SeriesSource, slice: number, given: Gesture): Promise<void> {
    const { host, book, activity, life } = this.#ports;
    if (life.aborted) return;
    if (!activity.isIdle && !this.#isAnswering) {
      activity.say("Wait until the run has ended, or cancel it, before placing prompts.", "warning");
      return;
    }
    if (slice < 0) {
      activity.say("Prompts can be placed on the planes in which the images were acquired.", "warning");
      return;
    }
    if (!this.#ports.hasPromptable()) {
      activity.say("No SAM model is installed, so prompts cannot be answered.", "warning");
      return;
    }
    const gesture = this.#inClickMode(given);
    const record = await book.ensure(series);
    const segment = host.activeSegment(record.segmentationId) ?? record.segments[0]?.number ?? 1;
    // What is drawn into a hidden segment would not be seen.
    if (!host.isSegmentVisible(record.segmentationId, segment)) {
      host.setSegmentVisible(record.segmentationId, segment, true);
    }
    const pending = this.#pending;
    const isSame = pending?.record === record && pending.slice === slice && pending.segment === segment;
    if (pending && !isSame) this.accept();
    const next = this.#pending ? continueEdit(this.#pending, gesture) : beginEdit(record, slice, segment, gesture);
    if (!next) {
      activity.say("Nothing to exclude here: click inside the segment, or include something first.", "warning");
      return;
    }
    this.#pending = next;
    this.#ports.onChange();
    await this.#answer();
  }

  #inClickMode(gesture: Gesture): Gesture {
    if (gesture.kind !== "point" || this.clickMode === "include") return gesture;
    return { ...gesture, label: gesture.label === "foreground" ? "background" : "foreground" };
  }

  /** Asks for the next of SAM's masks of the same prompts: the whole, a part, a smaller part. */
  async otherMask(): Promise<void> {
    const edit = this.#pending;
    if (!edit?.answer || this.#isAnswering) return;
    const next = (edit.answer.token + 1) % MASK_TOKENS.length;
    this.#pending = { ...edit, lowResLogits: edit.answer.askedWith };
    await this.#answer(MASK_TOKENS[next]);
  }

  /** Asks SAM with all prompts of the pending edit and shows the answer. */
  async #answer(maskChoice?: MaskChoice): Promise<void> {
    const { activity, book } = this.#ports;
    const edit = this.#pending;
    const series = edit && book.seriesOf(edit.record);
    if (!edit || !series) return;
    const prompt = promptOf(edit);
    if (!isAnswerable(prompt) && !edit.initial) {
      activity.say("SAM needs a point inside the structure or a box.", "warning");
      return;
    }
    this.#isAnswering = true;
    try {
      await activity.run("loading", async (signal) => {
        const result = await this.#ask(series, { ...edit, prompt, maskChoice }, signal);
        // Dropped or changed meanwhile: the answer belongs to nobody.
        if (this.#pending !== edit) return;
        this.#pending = {
          ...edit,
          mask: result.mask,
          lowResLogits: result.lowResLogits,
          answer: { token: result.token, askedWith: edit.lowResLogits },
        };
        this.#showPreview();
        activity.say("Preview. Enter accepts it, Esc drops it; more clicks correct it.");
      });
    } finally {
      this.#isAnswering = false;
      const isToAccept = this.#acceptsNextAnswer;
      this.#acceptsNextAnswer = false;
      if (isToAccept && this.#pending?.mask) this.accept();
      this.#ports.onChange();
    }
  }

  async #ask(
    series: SeriesSource,
    { slice, segment, prompt, initial, lowResLogits, maskChoice }: Question,
    signal: AbortSignal,
  ): Promise<DecodeResult> {
    const { activity } = this.#ports;
    const client = await this.#ports.loadPromptable(signal);
    const frame = await series.frame(slice, signal);
    activity.enter("running");
    activity.show("SAM reads the slice and answers", { completed: 0, total: undefined });
    return client.request(
      "decode",
      {
        slice: { key: series.imageIds[slice]!, frame },
        displayRange: displayRangeOf(series, slice),
        prompt: {
          segment,
          geometry: frame.geometry,
          ...(prompt.points.length > 0 ? { points: prompt.points } : {}),
          ...(prompt.box ? { box: prompt.box } : {}),
          ...(lowResLogits ? { maskInput: lowResLogits } : {}),
        },
        initial,
        maskChoice,
      },
      { signal },
    );
  }

  #showPreview(): void {
    const edit = this.#pending;
    if (!edit) return;
    const locked = this.#ports.host.lockedSegments(edit.record.segmentationId);
    edit.record.writeLabels(edit.slice, previewLabels(edit, decodeLabels(edit.before.labels), locked));
    edit.record.setHidden(
      edit.slice,
      edit.before.hidden.filter(({ number }) => number !== edit.segment),
    );
    this.#ports.book.announce(edit.record, [edit.slice]);
  }

  /** Enter: the preview becomes part of the segmentation, as one undoable step. */
  accept(): void {
    const edit = this.#pending;
    if (!edit) return;
    if (this.#isAnswering) {
      this.#acceptsNextAnswer = true;
      return;
    }
    this.#pending = undefined;
    if (!edit.mask) {
      this.#restore(edit);
      return;
    }
    const { record, slice, segment } = edit;
    const historyBefore = record.history;
    const object: PromptObject = {
      id: edit.replaced?.id ?? crypto.randomUUID(),
      segment,
      prompt: promptOf(edit),
      mask: encodeMask(edit.mask),
      origin: "person",
    };
    record.setObjects(slice, [...edit.before.objects.filter((other) => other !== edit.replaced), object]);
    record.markReviewed(slice, new Set([segment]));
    record.markHistory([segment], { byPrompts: true });
    this.#pushStep("SAM refine", edit, historyBefore);
    this.#ports.activity.say("Accepted.");
  }

  /** Esc: the slice is as it was before the first click. */
  drop(): void {
    if (!this.#pending) return;
    this.dropSilently();
    this.#ports.activity.cancel(new DOMException("Dropped.", "AbortError"));
    this.#ports.activity.say("Dropped.");
  }

  dropSilently(): void {
    const edit = this.#pending;
    if (!edit) return;
    this.#pending = undefined;
    this.#restore(edit);
  }

  /** The segmentation of the preview was removed by the host. */
  forget(gone: ReadonlySet<string>): void {
    if (this.#pending && gone.has(this.#pending.record.segmentationId)) this.#pending = undefined;
  }

  #restore(edit: PendingEdit): void {
    edit.record.restore(edit.slice, edit.before);
    this.#ports.book.announce(edit.record, [edit.slice]);
  }

  /** Takes the last gesture of the preview back. @returns false when there is no preview */
  undoGesture(): boolean {
    if (!this.#pending) return false;
    const back = withoutLastGesture(this.#pending);
    if (!back) this.drop();
    else {
      this.#pending = back;
      void this.#answer();
    }
    return true;
  }

  /** The mask of the object follows its edited prompt; an empty prompt removes the object and what it alone covered. */
  async editPrompt(
    series: SeriesSource,
    record: SegmentationRecord,
    slice: number,
    objectId: string,
    prompt: EditablePrompt,
  ): Promise<void> {
    const { activity } = this.#ports;
    if (!activity.isIdle) return;
    if (this.#pending) {
      if (objectId !== PENDING_OBJECT) return;
      this.#pending = { ...this.#pending, steps: [...this.#pending.steps, prompt], lowResLogits: undefined };
      if (isEmptyPrompt(prompt)) this.drop();
      else await this.#answer();
      return;
    }
    const object = record.objects(slice).find(({ id }) => id === objectId);
    if (!object) return;
    const before = record.state(slice);
    const initial = decodeLabels(object.mask);
    const edit: PendingEdit = {
      record,
      slice,
      segment: object.segment,
      before,
      replaced: object,
      initial,
      steps: [object.prompt, prompt],
      lowResLogits: undefined,
      mask: undefined,
      answer: undefined,
    };
    if (isEmptyPrompt(prompt)) {
      this.#commitPromptEdit(edit, new Uint8Array(initial.length));
      return;
    }
    await activity.run("loading", async (signal) => {
      const question: Question = {
        slice,
        segment: object.segment,
        prompt,
        initial: object.origin === "network" ? initial : undefined,
      };
      const { mask } = await this.#ask(series, question, signal);
      this.#commitPromptEdit(edit, mask);
    });
  }

  #commitPromptEdit(edit: PendingEdit, mask: Uint8Array): void {
    const { record, slice, segment, before, replaced } = edit;
    const historyBefore = record.history;
    const answered = { ...edit, mask };
    const locked = this.#ports.host.lockedSegments(record.segmentationId);
    record.writeLabels(slice, previewLabels(answered, decodeLabels(before.labels), locked));
    record.setHidden(
      slice,
      before.hidden.filter(({ number }) => number !== segment),
    );
    const prompt = promptOf(edit);
    record.setObjects(
      slice,
      before.objects.flatMap((object) => {
        if (object !== replaced) return [object];
        return isEmptyPrompt(prompt) ? [] : [{ ...object, prompt, mask: encodeMask(mask), origin: "person" as const }];
      }),
    );
    record.markReviewed(slice, new Set([segment]));
    record.markHistory([segment], { byPrompts: true });
    this.#ports.book.announce(record, [slice]);
    this.#pushStep("edit prompt", edit, historyBefore);
    this.#ports.activity.say("The mask follows the edited prompt.");
  }

  #pushStep(label: string, { record, slice, before }: PendingEdit, historyBefore: SegmentationRecord["history"]): void {
    const change = {
      slices: [{ slice, before, after: record.state(slice) }],
      historyBefore,
      historyAfter: record.history,
    };
    this.#ports.book.pushStep(label, [{ record, change }]);
  }
}

/**
 * The window that SAM sees a slice through where no network looks at it: for CT the one that the file itself asks for (soft
 * tissue when it asks for none), otherwise undefined, the image's own percentiles. Never the window on screen, so that a result
 * does not depend on it.
 */
export function displayRangeOf(series: SeriesSource, slice: number): DisplayRange | undefined {
  if (series.traits.modality !== "CT") return undefined;
  const { attributes } = series.instances[slice]!;
  const center = firstNumber(attributes.WindowCenter) ?? 40;
  const width = firstNumber(attributes.WindowWidth) ?? 400;
  return { lower: center - width / 2, upper: center + width / 2 };
}

function firstNumber(value: unknown): number | undefined {
  const first = Array.isArray(value) ? value[0] : value;
  const number = typeof first === "number" || typeof first === "string" ? Number(first) : Number.NaN;
  return Number.isFinite(number) ? number : undefined;
}
