import { Enums as CoreEnums, eventTarget, getEnabledElements } from "@cornerstonejs/core";
import { addTool, annotation, Enums } from "@cornerstonejs/tools";
import type { ExtensionConfiguration } from "./configuration.ts";
import { OhifHost } from "./host/ohif-host.ts";
import type { HostManagers, Subscription } from "./host-types.ts";
import { COMMANDS, EXTENSION_ID, PANEL_NAME, PROMPT_BOX_TOOL, PROMPT_POINT_TOOL } from "./names.ts";
import { createPanelHost } from "./panel/panel-host.tsx";
import { PromptAnnotations } from "./prompts/prompt-annotations.ts";
import { PromptBoxTool, PromptPointTool } from "./prompts/prompt-tools.ts";
import { startRefinery } from "./refinery/client.ts";
import { SegLoader } from "./seg/seg-loader.ts";
import { RefineSession } from "./session/session.ts";
import type { SessionHolder } from "./session/session-holder.ts";
import { SamRefineTool } from "./tool/sam-refine-tool.ts";

/** The context in which OHIF's Cornerstone extension registers the commands that ours stand in front of. */
const HOST_CONTEXT = "CORNERSTONE";
const OUR_CONTEXT = "SAMREFINE";

/**
 * The extension as OHIF registers it. One {@link RefineSession} lives while our panel is on screen in a mode; it begins with
 * the panel, because only then OHIF has made its viewports.
 * @param sessions Shared with the mode, which ends the session before OHIF empties the study.
 */
export function createExtension(configuration: ExtensionConfiguration, sessions: SessionHolder) {
  const memory = { creator: "" };
  let segLoader: SegLoader | undefined;
  let segs: Subscription | undefined;

  return {
    id: EXTENSION_ID,

    preRegistration(managers: HostManagers): void {
      for (const tool of [SamRefineTool, PromptPointTool, PromptBoxTool]) addTool(tool);
      const host = new OhifHost(managers);
      segLoader = new SegLoader(host);
      sessions.factory = () => {
        const annotations = new PromptAnnotations(host);
        const session = new RefineSession({
          host,
          configuration,
          startRefinery,
          promptView: annotations,
          memory,
          readSegOf: (segmentationId) => segLoader?.readOf(segmentationId),
        });
        annotations.onEdited = (slice, id, prompt) => void session.editPrompt(slice, id, prompt);
        SamRefineTool.listener = (viewportId, imageId, gesture) => void session.gesture(viewportId, imageId, gesture);
        const stopListening = listenToHost(session);
        const warn = (event: BeforeUnloadEvent) => {
          if (session.wouldLose) event.preventDefault();
        };
        globalThis.addEventListener("beforeunload", warn);
        return {
          session,
          dispose: async () => {
            SamRefineTool.listener = () => {};
            stopListening();
            await session.stop();
            annotations.dispose();
            globalThis.removeEventListener("beforeunload", warn);
          },
        };
      };
    },

    /** OHIF may leave and enter a mode without taking the panel off the screen. */
    onModeEnter(): void {
      segs?.unsubscribe();
      segs = segLoader?.start();
      sessions.showPanel();
    },

    onModeExit(): void {
      segs?.unsubscribe();
      void sessions.end();
    },

    getPanelModule() {
      return [
        {
          name: PANEL_NAME,
          iconName: "tab-segmentation",
          iconLabel: "SAM Refine",
          label: "SAM Refine",
          component: createPanelHost(sessions),
        },
      ];
    },

    getCommandsModule({ commandsManager }: HostManagers) {
      const host = (name: string) => (options: object) => commandsManager.runCommand(name, options, HOST_CONTEXT);
      /** Ours first, where something of ours waits for it; otherwise what the host does. */
      const inFrontOf = (name: string, ours: (session: RefineSession) => boolean) => (options: object) => {
        const session = sessions.current;
        return session && ours(session) ? undefined : host(name)(options);
      };
      // The host's command knows measurements only, and prompts are none.
      const deletePrompt = inFrontOf("deleteActiveAnnotation", removeSelectedPrompts);
      const actions = {
        acceptPreview: inFrontOf("acceptPreview", (session) => {
          if (!session.hasPending) return false;
          session.accept();
          return true;
        }),
        cancelActiveOperation: inFrontOf("cancelActiveOperation", (session) => {
          if (!session.hasPending) return false;
          session.drop();
          return true;
        }),
        undo: inFrontOf("undo", (session) => session.takesUndo()),
        deleteActiveAnnotation: deletePrompt,
        [COMMANDS.deletePrompt]: deletePrompt,
        redo: inFrontOf("redo", (session) => session.takesRedo()),
        [COMMANDS.autoSegment]: () => sessions.current?.autoSegment(),
        [COMMANDS.cancel]: () => sessions.current?.cancel(),
        [COMMANDS.nextFlagged]: () => sessions.current?.goToNextFlagged(),
        [COMMANDS.markReviewed]: () => sessions.current?.markReviewed(),
        [COMMANDS.otherMask]: () => sessions.current?.otherMask(),
        [COMMANDS.store]: () => sessions.current?.store(),
        [COMMANDS.download]: () => sessions.current?.download(),
      };
      return { actions, definitions: actions, defaultContext: OUR_CONTEXT };
    },
  };
}

/** @returns true when a prompt was selected; its removal reaches the session as an edit. */
function removeSelectedPrompts(): boolean {
  const selected = [PROMPT_POINT_TOOL, PROMPT_BOX_TOOL].flatMap((toolName) =>
    annotation.selection.getAnnotationsSelectedByToolName(toolName),
  );
  for (const uid of selected) annotation.state.removeAnnotation(uid);
  return selected.length > 0;
}

/** Events of Cornerstone that OHIF's services do not pass on. */
function listenToHost(session: RefineSession): () => void {
  const stop = new AbortController();
  const { signal } = stop;
  const onSlice = () => session.sliceChanged();
  // Slice events go to the viewport's element, so every element is listened to, present ones and later ones.
  const watch = (element: HTMLDivElement) => {
    for (const name of [CoreEnums.Events.STACK_NEW_IMAGE, CoreEnums.Events.VOLUME_NEW_IMAGE]) {
      element.addEventListener(name, onSlice, { signal });
    }
  };
  for (const { viewport } of getEnabledElements()) watch(viewport.element);
  const onEnabled = (event: Event) =>
    watch((event as CustomEvent<{ readonly element: HTMLDivElement }>).detail.element);
  const onData = (event: Event) => {
    const { segmentationId, modifiedSlicesToUse } = (
      event as CustomEvent<{ readonly segmentationId: string; readonly modifiedSlicesToUse?: readonly number[] }>
    ).detail;
    session.hostEdited(segmentationId, modifiedSlicesToUse);
  };
  eventTarget.addEventListener(CoreEnums.Events.ELEMENT_ENABLED, onEnabled);
  eventTarget.addEventListener(Enums.Events.SEGMENTATION_DATA_MODIFIED, onData);
  const onTool = () => session.toolChanged();
  eventTarget.addEventListener(Enums.Events.TOOL_ACTIVATED, onTool);
  return () => {
    stop.abort();
    eventTarget.removeEventListener(CoreEnums.Events.ELEMENT_ENABLED, onEnabled);
    eventTarget.removeEventListener(Enums.Events.SEGMENTATION_DATA_MODIFIED, onData);
    eventTarget.removeEventListener(Enums.Events.TOOL_ACTIVATED, onTool);
  };
}
