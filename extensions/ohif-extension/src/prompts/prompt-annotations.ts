import { eventTarget } from "@cornerstonejs/core";
import { annotation, Enums, type Types, utilities } from "@cornerstonejs/tools";
import type { PointPrompt } from "@samrefine/core";
import { type ImagePlane, imagePlaneOf } from "../host/image-plane.ts";
import type { OhifHost } from "../host/ohif-host.ts";
import type { HostDisplaySet } from "../host-types.ts";
import { PROMPT_BOX_TOOL, PROMPT_POINT_TOOL } from "../names.ts";
import { boxFromCorners, type EditablePrompt } from "./editable-prompt.ts";

export interface ShownPrompt {
  readonly id: string;
  readonly prompt: EditablePrompt;
  readonly isPending: boolean;
}

/** Told when a person dragged or deleted a prompt; the prompt is the edited one, empty when the last part was deleted. */
export type PromptEdited = (slice: number, objectId: string, prompt: EditablePrompt) => void;

const FOREGROUND_COLOR = "rgb(74, 222, 128)";
const BACKGROUND_COLOR = "rgb(248, 113, 113)";
const BOX_COLOR = "rgb(125, 211, 252)";
/** A drag sends many events; the mask follows when the hand has let go. */
const SETTLE_MS = 250;

/** Which part of which prompt an annotation stands for. */
interface Part {
  readonly objectId: string;
  /** Index of the point, or the box. */
  readonly part: number | "box";
}

function partKey({ objectId, part }: Part): string {
  return `${objectId} ${part}`;
}

/**
 * The prompts of the slice on screen as annotations of the host. The session's store is the truth: annotations are made from
 * it for one slice at a time and thrown away when another one comes.
 */
export class PromptAnnotations {
  readonly #host: OhifHost;
  readonly #parts = new Map<string, Part>();
  #shownKey = "";
  #series: HostDisplaySet | undefined;
  #slice = 0;
  #prompts: readonly ShownPrompt[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #selected = new Set<string>();
  #isUpdating = false;
  /** A mouse button or a finger is down: what is dragged must not be drawn anew under it. */
  #isHeld = false;
  readonly #stop = new AbortController();
  onEdited: PromptEdited = () => {};

  constructor(host: OhifHost) {
    this.#host = host;
    eventTarget.addEventListener(Enums.Events.ANNOTATION_MODIFIED, this.#onModified);
    eventTarget.addEventListener(Enums.Events.ANNOTATION_REMOVED, this.#onRemoved);
    const options = { capture: true, signal: this.#stop.signal };
    for (const [name, isHeld] of [
      ["pointerdown", true],
      ["pointerup", false],
      ["pointercancel", false],
    ] as const) {
      window.addEventListener(name, () => (this.#isHeld = isHeld), options);
    }
  }

  dispose(): void {
    eventTarget.removeEventListener(Enums.Events.ANNOTATION_MODIFIED, this.#onModified);
    eventTarget.removeEventListener(Enums.Events.ANNOTATION_REMOVED, this.#onRemoved);
    this.#stop.abort();
    this.show(undefined, 0, []);
  }

  show(series: HostDisplaySet | undefined, slice: number, prompts: readonly ShownPrompt[]): void {
    const key = JSON.stringify([series?.displaySetInstanceUID, slice, prompts]);
    if (key === this.#shownKey) return;
    this.#shownKey = key;
    clearTimeout(this.#timer);
    this.#rememberSelection();
    this.#update(() => this.#host.removeAnnotations([...this.#parts.keys()]));
    this.#parts.clear();
    this.#series = series;
    this.#slice = slice;
    this.#prompts = prompts;
    const imageId = series?.imageIds?.[slice];
    if (series && imageId !== undefined) this.#draw(series, imageId, prompts);
  }

  /** What a person selected stays selected when it is drawn anew. */
  #rememberSelection(): void {
    this.#selected.clear();
    for (const [uid, part] of this.#parts) {
      if (!annotation.selection.isAnnotationSelected(uid)) continue;
      this.#selected.add(partKey(part));
      annotation.selection.deselectAnnotation(uid);
    }
  }

  #draw(series: HostDisplaySet, imageId: string, prompts: readonly ShownPrompt[]): void {
    const viewportIds = this.#host.viewportIdsOf(series);
    // Radiographs have none; the host then files their annotations under no frame, and finds them there.
    const frameOfReference = viewportIds.map((id) => this.#host.viewport(id)?.getFrameOfReferenceUID()).find(Boolean);
    const plane = imagePlaneOf(imageId);
    for (const { id, prompt } of prompts) {
      prompt.points.forEach((point, index) => {
        const color = point.label === "foreground" ? FOREGROUND_COLOR : BACKGROUND_COLOR;
        this.#add({ objectId: id, part: index }, PROMPT_POINT_TOOL, color, [plane.toWorld(point.x, point.y)], {
          imageId,
          plane,
          frameOfReference,
          label: point.label,
        });
      });
      if (prompt.box) {
        const { xMin, yMin, xMax, yMax } = prompt.box;
        const corners = [
          plane.toWorld(xMin, yMin),
          plane.toWorld(xMax, yMin),
          plane.toWorld(xMin, yMax),
          plane.toWorld(xMax, yMax),
        ];
        this.#add({ objectId: id, part: "box" }, PROMPT_BOX_TOOL, BOX_COLOR, corners, {
          imageId,
          plane,
          frameOfReference,
          label: "box",
        });
      }
    }
    utilities.triggerAnnotationRenderForViewportIds(viewportIds);
  }

  #add(
    part: Part,
    toolName: string,
    color: string,
    points: Types.Annotation["data"]["handles"] extends infer H
      ? NonNullable<H extends { points?: infer P } ? P : never>
      : never,
    place: {
      readonly imageId: string;
      readonly plane: ImagePlane;
      readonly frameOfReference: string | undefined;
      readonly label: string;
    },
  ): void {
    const annotationUID = crypto.randomUUID();
    const item: Types.Annotation = {
      annotationUID,
      highlighted: false,
      invalidated: false,
      isLocked: false,
      isVisible: true,
      metadata: {
        toolName,
        ...(place.frameOfReference === undefined ? {} : { FrameOfReferenceUID: place.frameOfReference }),
        referencedImageId: place.imageId,
        viewPlaneNormal: [...place.plane.normal],
        viewUp: place.plane.columnDirection.map((value) => -value) as [number, number, number],
      },
      data: {
        handles: {
          points,
          activeHandleIndex: null,
          textBox: {
            hasMoved: false,
            worldPosition: [0, 0, 0],
            worldBoundingBox: {
              topLeft: [0, 0, 0],
              topRight: [0, 0, 0],
              bottomLeft: [0, 0, 0],
              bottomRight: [0, 0, 0],
            },
          },
        },
        cachedStats: {},
        label: place.label,
      },
    };
    this.#parts.set(annotationUID, part);
    // Straight to the manager: its own event would make OHIF look for a measurement and warn that there is none.
    annotation.state.getAnnotationManager().addAnnotation(item);
    if (this.#selected.has(partKey(part))) annotation.selection.setAnnotationSelected(annotationUID);
    annotation.config.style.setAnnotationStyles(annotationUID, {
      color,
      colorHighlighted: color,
      colorSelected: color,
    });
  }

  #onModified = (event: Event): void => {
    const changed = (event as CustomEvent<{ readonly annotation: Types.Annotation }>).detail.annotation;
    const part = this.#parts.get(changed.annotationUID ?? "");
    if (!part || this.#isUpdating || !this.#hasMoved(changed, part)) return;
    this.#reportWhenSettled(part.objectId);
  };

  #reportWhenSettled(objectId: string): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      if (this.#isHeld) this.#reportWhenSettled(objectId);
      else this.#report(objectId);
    }, SETTLE_MS);
  }

  #onRemoved = (event: Event): void => {
    if (this.#isUpdating) return;
    const { annotationUID } = (event as CustomEvent<{ readonly annotation: Types.Annotation }>).detail.annotation;
    const part = this.#parts.get(annotationUID ?? "");
    if (!part || annotationUID === undefined) return;
    this.#parts.delete(annotationUID);
    clearTimeout(this.#timer);
    this.#report(part.objectId);
  };

  /** Redrawing also counts as modified for the host; only a place that differs from the prompt is an edit. */
  #hasMoved(item: Types.Annotation, part: Part): boolean {
    const prompt = this.#prompts.find(({ id }) => id === part.objectId)?.prompt;
    if (!prompt) return false;
    const now = this.#partNow(item, part);
    const was = part.part === "box" ? prompt.box : prompt.points[part.part];
    if (!now || !was) return true;
    return Object.entries(now).some(
      ([key, value]) => Math.abs(Number(value) - Number(was[key as keyof typeof was])) > 0.05,
    );
  }

  #partNow(item: Types.Annotation, { part }: Part) {
    const imageId = this.#series?.imageIds?.[this.#slice];
    const corners = item.data.handles?.points ?? [];
    if (imageId === undefined) return undefined;
    const pixels = corners.map((world) => imagePlaneOf(imageId).toPixel(world));
    if (part !== "box") return pixels[0];
    const xs = pixels.map(({ x }) => x);
    const ys = pixels.map(({ y }) => y);
    return { xMin: Math.min(...xs), yMin: Math.min(...ys), xMax: Math.max(...xs), yMax: Math.max(...ys) };
  }

  #report(objectId: string): void {
    const shown = this.#prompts.find(({ id }) => id === objectId);
    if (!shown) return;
    const points: PointPrompt[] = [];
    let box: EditablePrompt["box"];
    for (const [uid, part] of this.#parts) {
      if (part.objectId !== objectId) continue;
      const item = annotation.state.getAnnotation(uid);
      const now = item && this.#partNow(item, part);
      if (!now) continue;
      if (part.part === "box") {
        const { xMin, yMin, xMax, yMax } = now as NonNullable<EditablePrompt["box"]>;
        box = boxFromCorners({ x: xMin, y: yMin }, { x: xMax, y: yMax }, this.#imageSize());
      } else {
        points.push({ ...(now as { x: number; y: number }), label: shown.prompt.points[part.part]!.label });
      }
    }
    this.onEdited(this.#slice, objectId, { points, box });
  }

  #imageSize() {
    const instance = this.#series?.instances?.[0];
    return { columns: Number(instance?.Columns ?? 1), rows: Number(instance?.Rows ?? 1) };
  }

  #update(change: () => void): void {
    this.#isUpdating = true;
    try {
      change();
    } finally {
      this.#isUpdating = false;
    }
  }
}
