import type { Types as CoreTypes } from "@cornerstonejs/core";
import { annotation, drawing, ProbeTool, RectangleROITool, type Types } from "@cornerstonejs/tools";
import { PROMPT_BOX_TOOL, PROMPT_POINT_TOOL } from "../names.ts";

/** `data.label` of an annotation that stands for a background point. */
export const NEGATIVE_POINT = "background";

/**
 * Prompts as ordinary annotations of the host: they are picked, dragged and deleted like any other, but measure nothing, show
 * no text, and leave undo to the session (a drag and the mask that follows it are one step).
 */
export class PromptPointTool extends ProbeTool {
  static override toolName: string = PROMPT_POINT_TOOL;

  constructor(toolProps: Types.PublicToolProps = {}) {
    super({ ...toolProps, configuration: { ...toolProps.configuration, getTextLines: () => undefined } });
    this.renderAnnotation = drawPoints;
  }

  override createMemo(): void {}
}

const POINT_RADIUS = 7;

/** A disk with a plus or a minus: the sign tells the two kinds apart without colour. Canvas pixels. */
function drawPoints(
  this: PromptPointTool,
  { viewport }: CoreTypes.IEnabledElement,
  helper: Types.SVGDrawingHelper,
): boolean {
  const all = annotation.state.getAnnotations(PROMPT_POINT_TOOL, viewport.element);
  const shown = this.filterInteractableAnnotationsForElement(viewport.element, all ?? []) ?? [];
  for (const item of shown) {
    const { annotationUID } = item;
    const world = item.data.handles?.points?.[0];
    if (annotationUID === undefined || !world) continue;
    const [x, y] = viewport.worldToCanvas(world);
    const { color } = annotation.config.style.getAnnotationToolStyles(annotationUID) ?? {};
    const isNegative = item.data.label === NEGATIVE_POINT;
    drawing.drawCircle(helper, annotationUID, "disk", [x, y], POINT_RADIUS, {
      color: "rgb(0, 0, 0)",
      fill: color,
      fillOpacity: 0.95,
      width: 1.5,
    });
    const arm = POINT_RADIUS - 3;
    const sign = { color: "rgb(0, 0, 0)", width: 2 };
    drawing.drawLine(helper, annotationUID, "across", [x - arm, y], [x + arm, y], sign);
    if (!isNegative) drawing.drawLine(helper, annotationUID, "down", [x, y - arm], [x, y + arm], sign);
    if (item.invalidated) {
      item.invalidated = false;
      annotation.state.triggerAnnotationModified(item, viewport.element);
    }
  }
  return shown.length > 0;
}

export class PromptBoxTool extends RectangleROITool {
  static override toolName: string = PROMPT_BOX_TOOL;

  constructor(toolProps: Types.PublicToolProps = {}) {
    super({
      ...toolProps,
      configuration: {
        ...toolProps.configuration,
        calculateStats: false,
        storePointData: false,
        shadow: true,
        preventHandleOutsideImage: false,
        getTextLines: () => undefined,
      },
    });
  }

  override createMemo(): void {}
}
