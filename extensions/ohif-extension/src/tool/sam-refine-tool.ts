import { getEnabledElement } from "@cornerstonejs/core";
import { BaseTool, drawing, Enums, ToolGroupManager, type Types } from "@cornerstonejs/tools";
import { type ImagePlane, imagePlaneOf } from "../host/image-plane.ts";
import { SAM_REFINE_TOOL } from "../names.ts";
import { boxFromCorners } from "../prompts/editable-prompt.ts";
import type { Gesture } from "./pending-edit.ts";

export type GestureListener = (viewportId: string, imageId: string, gesture: Gesture) => void;

/** Closer than this a drag is a click with an unsteady hand. Canvas pixels. */
const DRAG_THRESHOLD = 6;
/** Cosine between the normals of screen and image: about two degrees. */
const LEAST_ALIGNMENT = 0.999;

type InteractionEvent = Types.EventTypes.InteractionEventType;
type CanvasPoint = readonly [number, number];

interface Drag {
  readonly viewportId: string;
  readonly element: HTMLDivElement;
  readonly start: CanvasPoint;
  readonly isNegative: boolean;
  end: CanvasPoint;
}

/**
 * Click = include, Ctrl- or Alt-click = exclude, drag = box. The tool only reports gestures in image pixels; what follows is
 * the session's. Handles of prompts on screen are offered the click first.
 */
export class SamRefineTool extends BaseTool {
  static override toolName: string = SAM_REFINE_TOOL;
  /** Set by the extension; tools are made by the host, so there is no other way in. */
  static listener: GestureListener = () => {};

  #drag: Drag | undefined;
  #isLeaving = false;

  constructor(
    toolProps: Types.PublicToolProps = {},
    defaults: Types.ToolProps = { supportedInteractionTypes: ["Mouse", "Touch"], configuration: {} },
  ) {
    super(toolProps, defaults);
  }

  /** After the host looked for handles under the pointer and found none. */
  postMouseDownCallback = (event: InteractionEvent): boolean => {
    const { element, viewportId, currentPoints, event: mouse } = event.detail;
    const modifiers = mouse as MouseEvent;
    const start: CanvasPoint = [currentPoints.canvas[0], currentPoints.canvas[1]];
    this.#drag = { viewportId, element, start, end: start, isNegative: modifiers.ctrlKey || modifiers.altKey };
    element.addEventListener(Enums.Events.MOUSE_DRAG, this.#onDrag);
    element.addEventListener(Enums.Events.MOUSE_UP, this.#onEnd);
    element.addEventListener(Enums.Events.MOUSE_CLICK, this.#onEnd);
    return true;
  };

  postTouchStartCallback = (event: InteractionEvent): boolean => {
    const { element, viewportId, currentPoints } = event.detail;
    const start: CanvasPoint = [currentPoints.canvas[0], currentPoints.canvas[1]];
    this.#drag = { viewportId, element, start, end: start, isNegative: false };
    element.addEventListener(Enums.Events.TOUCH_DRAG, this.#onDrag);
    element.addEventListener(Enums.Events.TOUCH_END, this.#onEnd);
    element.addEventListener(Enums.Events.TOUCH_TAP, this.#onEnd);
    return true;
  };

  #onDrag = (event: Event): void => {
    if (!this.#drag) return;
    const { currentPoints } = (event as InteractionEvent).detail;
    this.#drag.end = [currentPoints.canvas[0], currentPoints.canvas[1]];
    getEnabledElement(this.#drag.element)?.viewport.render();
  };

  #onEnd = (): void => {
    const drag = this.#drag;
    this.#drag = undefined;
    if (!drag) return;
    for (const name of ["MOUSE_DRAG", "TOUCH_DRAG"] as const) {
      drag.element.removeEventListener(Enums.Events[name], this.#onDrag);
    }
    for (const name of ["MOUSE_UP", "MOUSE_CLICK", "TOUCH_END", "TOUCH_TAP"] as const) {
      drag.element.removeEventListener(Enums.Events[name], this.#onEnd);
    }
    this.#report(drag);
  };

  #report(drag: Drag): void {
    const viewport = getEnabledElement(drag.element)?.viewport;
    const imageId = viewport && "getCurrentImageId" in viewport ? viewport.getCurrentImageId() : undefined;
    // A reconstruction names the nearest image also where it cuts across the acquired planes; the session says so.
    if (!viewport || imageId === undefined || !liesInPlane(viewport, imagePlaneOf(imageId))) {
      SamRefineTool.listener(drag.viewportId, "", { kind: "point", x: 0, y: 0, label: "foreground" });
      return;
    }
    const plane = imagePlaneOf(imageId);
    const toPixel = ([x, y]: CanvasPoint) => plane.toPixel(viewport.canvasToWorld([x, y]));
    const end = toPixel(drag.end);
    if (isDrag(drag)) {
      const { columns, rows } = sizeOf(viewport);
      const box = boxFromCorners(toPixel(drag.start), end, { columns, rows });
      if (box) SamRefineTool.listener(drag.viewportId, imageId, { kind: "box", box });
      return;
    }
    const { columns, rows } = sizeOf(viewport);
    if (end.x < -0.5 || end.y < -0.5 || end.x > columns - 0.5 || end.y > rows - 0.5) return;
    const label = drag.isNegative ? "background" : "foreground";
    SamRefineTool.listener(drag.viewportId, imageId, { kind: "point", ...end, label });
  }

  /** The rubber band of a box in the making. */
  renderAnnotation(
    enabledElement: { readonly viewport: { readonly id: string } },
    helper: Types.SVGDrawingHelper,
  ): boolean {
    const drag = this.#drag;
    if (!drag || drag.viewportId !== enabledElement.viewport.id || !isDrag(drag)) return false;
    drawing.drawRect(helper, "samrefine-rubber-band", "0", [...drag.start], [...drag.end], {
      color: "rgb(125, 211, 252)",
      lineDash: "4,4",
      lineWidth: 1.5,
    });
    return true;
  }

  /** The host takes away the plain binding only; with Ctrl and Alt left over, those would still reach us. */
  onSetToolPassive(): void {
    if (this.#isLeaving) return;
    this.#isLeaving = true;
    try {
      ToolGroupManager.getToolGroup(this.toolGroupId)?.setToolPassive(SAM_REFINE_TOOL, { removeAllBindings: true });
    } finally {
      this.#isLeaving = false;
    }
  }
}

/** Whether the screen shows the plane of an image, seen from either side; stacks always do. */
function liesInPlane(
  viewport: { getCamera(): { readonly viewPlaneNormal?: ArrayLike<number> | undefined } },
  { normal }: Pick<ImagePlane, "normal">,
): boolean {
  const view = viewport.getCamera().viewPlaneNormal;
  if (!view) return true;
  return Math.abs(normal.reduce((sum, part, axis) => sum + part * view[axis]!, 0)) > LEAST_ALIGNMENT;
}

function isDrag({ start, end }: Drag): boolean {
  return Math.abs(start[0] - end[0]) > DRAG_THRESHOLD || Math.abs(start[1] - end[1]) > DRAG_THRESHOLD;
}

function sizeOf(viewport: { getImageData?(): { readonly dimensions: readonly number[] } | undefined }) {
  const dimensions = viewport.getImageData?.()?.dimensions ?? [1, 1];
  return { columns: dimensions[0] ?? 1, rows: dimensions[1] ?? 1 };
}
