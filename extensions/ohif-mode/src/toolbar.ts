/** Mouse and keyboard codes of Cornerstone's tool bindings; fixed numbers of its public enums. */
const PRIMARY_BUTTON = 1;
const CTRL_KEY = 17;
const ALT_KEY = 18;

/** A toolbar button in the form that OHIF's toolbar service registers. */
export interface ToolbarButton {
  readonly id: string;
  readonly uiType: string;
  readonly props: {
    readonly icon: string;
    readonly label: string;
    readonly tooltip: string;
    readonly commands: { readonly commandName: string; readonly commandOptions: object };
    readonly evaluate: unknown;
  };
}

/**
 * The button of the SAM refine tool. Besides the plain primary button the tool is bound to Ctrl and Alt with it: both make a
 * click negative, because window managers take Alt-clicks on some machines and macOS turns Ctrl-clicks into context menus.
 */
export function samRefineButton(toolName: string): ToolbarButton {
  return {
    id: toolName,
    uiType: "ohif.toolButton",
    props: {
      icon: "tool-probe",
      label: "SAM refine",
      tooltip: "SAM refine: click to include, Ctrl- or Alt-click to exclude, drag a box. Enter accepts, Esc drops.",
      commands: {
        commandName: "setToolActiveToolbar",
        commandOptions: {
          toolName,
          bindings: [
            { mouseButton: PRIMARY_BUTTON },
            { mouseButton: PRIMARY_BUTTON, modifierKey: CTRL_KEY },
            { mouseButton: PRIMARY_BUTTON, modifierKey: ALT_KEY },
          ],
        },
      },
      evaluate: "evaluate.cornerstoneTool",
    },
  };
}

/**
 * Sections that replace OHIF's own (the later one wins): our tool stands in the primary bar, and the two stock SAM tools are
 * left out of the label map toolbox because they fetch 200 MB from a model hub.
 */
export function toolbarSections(toolName: string): Readonly<Record<string, readonly string[]>> {
  return {
    primary: ["WindowLevel", "Pan", "Zoom", toolName, "Capture", "Layout", "Crosshairs", "MoreTools"],
    LabelMapTools: ["BrushTools", "ClickSegment", "Shapes", "LabelMapEditWithContour"],
  };
}
