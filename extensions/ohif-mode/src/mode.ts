import type { HostModeInstance, HostModeModule, PeerImport, ToolGroupContext } from "./host-types.ts";
import { samRefineButton, toolbarSections } from "./toolbar.ts";

export const MODE_ID = "@samrefine/ohif-mode";
/** The viewer opens a study at `/samrefine?StudyInstanceUIDs=…`. */
export const MODE_ROUTE = "samrefine";

/** What the mode has to know about the extension: names, and what it wants to be told. */
export interface ExtensionNames {
  /** `<extension id>.panelModule.<panel name>` */
  readonly panel: string;
  /** The tool of the toolbar button. */
  readonly samRefineTool: string;
  /** Annotation tools that show prompts; passive, so that their handles can be dragged at any time. */
  readonly promptTools: readonly string[];
  /** Bound to J. */
  readonly nextFlaggedCommand: string;
  /** Bound to K. */
  readonly markReviewedCommand: string;
  readonly deletePromptCommand: string;
  readonly otherMaskCommand: string;
  /** Told that the mode is left, while the study is still whole: OHIF's own exit destroys its segmentations. */
  readonly onLeave?: () => void;
}

export interface OhifMode {
  readonly id: string;
  readonly modeInstance: HostModeInstance;
  readonly modeFactory: () => HostModeInstance;
  readonly customizations?: unknown;
  readonly extensionDependencies: unknown;
}

/** Tool groups of OHIF's segmentation mode that show images in their own plane. */
const TOOL_GROUPS: readonly string[] = ["default", "mpr"];

/**
 * Derives the mode from OHIF's own segmentation mode: its brushes, layouts and panels stay, our panel comes first on the
 * right and our tool stands in the toolbar.
 *
 * @param peerImport OHIF's `loadModule`, as the app configuration receives it.
 */
export async function createMode(peerImport: PeerImport, names: ExtensionNames): Promise<OhifMode> {
  const segmentation = (await peerImport("@ohif/mode-segmentation")) as HostModeModule;
  const basic = (await peerImport("@ohif/mode-basic")) as HostModeModule;
  const modeInstance = deriveModeInstance(segmentation.modeInstance, basic.modeInstance, names);
  return {
    id: MODE_ID,
    modeInstance,
    modeFactory: () => modeInstance,
    ...(segmentation.customizations === undefined ? {} : { customizations: segmentation.customizations }),
    extensionDependencies: modeInstance.extensions,
  };
}

/** The derivation alone; pure but for what the two given instances do themselves. */
export function deriveModeInstance(
  segmentation: HostModeInstance,
  basic: HostModeInstance,
  names: ExtensionNames,
): HostModeInstance {
  const layout = segmentation.routes[0]?.layoutInstance;
  if (!layout) throw new TypeError("OHIF's segmentation mode has no layout; OHIF 3.13 is expected.");
  const ours = [names.samRefineTool, ...names.promptTools].map((toolName) => ({ toolName }));
  return {
    ...segmentation,
    id: MODE_ID,
    routeName: MODE_ROUTE,
    displayName: "SAM Refine",
    toolbarButtons: [...segmentation.toolbarButtons, samRefineButton(names.samRefineTool)],
    toolbarSections: [...segmentation.toolbarSections, toolbarSections(names.samRefineTool)],
    initToolGroups(context: ToolGroupContext) {
      segmentation.initToolGroups(context);
      for (const group of TOOL_GROUPS) context.toolGroupService.addToolsToToolGroup(group, { passive: ours });
    },
    modeCustomizations: {
      // OHIF counts a segmentation in the background and then writes its list of segments back as it was before, so that a
      // segment added meanwhile is lost. Our panel has its own counts.
      "panelSegmentation.disableUpdateSegmentationStats": { $set: true },
      "ohif.hotkeyBindings": {
        $push: [
          { commandName: names.nextFlaggedCommand, label: "Next slice to check", keys: ["j"], isEditable: true },
          { commandName: names.markReviewedCommand, label: "Mark slice as reviewed", keys: ["k"], isEditable: true },
          { commandName: names.otherMaskCommand, label: "Another of SAM's masks", keys: ["m"], isEditable: true },
          // A command of our own: another key for the host's would replace the host's own Backspace.
          {
            commandName: names.deletePromptCommand,
            label: "Delete prompt or annotation",
            keys: ["del"],
            isEditable: true,
          },
        ],
      },
    },
    // The segmentation mode's own hook jumps to the label map panel at the first segmentation, which would hide ours.
    onModeEnter: basic.onModeEnter,
    onModeExit(context: unknown) {
      names.onLeave?.();
      segmentation.onModeExit?.(context);
    },
    routes: [
      {
        path: MODE_ROUTE,
        layoutTemplate: () => ({
          id: layout.id,
          props: {
            ...layout.props,
            rightPanels: [names.panel, ...layout.props.rightPanels],
            rightPanelClosed: false,
          },
        }),
        layoutInstance: layout,
      },
    ],
    // Our extension is registered by the app configuration. Listing its bare name here would make the route import() it.
    extensions: segmentation.extensions,
  };
}
