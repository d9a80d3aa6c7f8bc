/** Equal to the package's name, as OHIF demands. */
export const EXTENSION_ID = "@samrefine/ohif-extension";
/** Equal to the package's version; written into every SEG. */
export const VERSION = "0.1.0";
export const PANEL_NAME = "refine";
export const PANEL_ID: string = `${EXTENSION_ID}.panelModule.${PANEL_NAME}`;

export const SAM_REFINE_TOOL = "SamRefine";
export const PROMPT_POINT_TOOL = "SamRefinePoint";
export const PROMPT_BOX_TOOL = "SamRefineBox";

/** Commands that the toolbar, hotkeys and sites may call. */
export const COMMANDS = {
  autoSegment: "samrefineAutoSegment",
  cancel: "samrefineCancel",
  nextFlagged: "samrefineNextFlagged",
  markReviewed: "samrefineMarkReviewed",
  deletePrompt: "samrefineDeletePrompt",
  otherMask: "samrefineOtherMask",
  store: "samrefineStore",
  download: "samrefineDownload",
} as const;
