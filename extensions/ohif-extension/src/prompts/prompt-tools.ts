import { ProbeTool, RectangleROITool, type Types } from "@cornerstonejs/tools";
import { PROMPT_BOX_TOOL, PROMPT_POINT_TOOL } from "../names.ts";

/**
 * Prompts as ordinary annotations of the host: they are picked, dragged and deleted like any other, but measure nothing, show
 * no text, and leave undo to the session (a drag and the mask that follows it are one step).
 */
export class PromptPointTool extends ProbeTool {
  static override toolName: string = PROMPT_POINT_TOOL;

  constructor(toolProps: Types.PublicToolProps = {}) {
    super({ ...toolProps, configuration: { ...toolProps.configuration, getTextLines: () => undefined } });
  }

  override createMemo(): void {}
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
