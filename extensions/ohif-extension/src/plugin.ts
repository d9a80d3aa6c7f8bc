import type { OhifMode, PeerImport } from "@samrefine/ohif-mode";
import { parseConfiguration } from "./configuration.ts";
import type { createExtension } from "./extension.ts";
import { SessionHolder } from "./session/session-holder.ts";

export interface PluginArguments {
  /** OHIF's `loadModule`, as its app configuration function receives it. */
  readonly peerImport: PeerImport;
  /** See `parseConfiguration`; everything has a default. */
  readonly configuration?: unknown;
}

export interface Plugin {
  readonly extensions: readonly ReturnType<typeof createExtension>[];
  readonly modes: readonly OhifMode[];
}

/**
 * Entry of the bundle. Nothing that needs the host is imported statically: the host's Cornerstone extension must be loaded
 * first, because it puts the library instances in place that our modules share with it.
 * @throws RefineError `configuration`
 */
export default async function plugin({ peerImport, configuration }: PluginArguments): Promise<Plugin> {
  const parsed = parseConfiguration(configuration);
  await peerImport("@ohif/extension-cornerstone");
  const [{ createExtension }, { createMode }, names] = await Promise.all([
    import("./extension.ts"),
    import("@samrefine/ohif-mode"),
    import("./names.ts"),
  ]);
  const sessions = new SessionHolder();
  const mode = await createMode(peerImport, {
    panel: names.PANEL_ID,
    samRefineTool: names.SAM_REFINE_TOOL,
    promptTools: [names.PROMPT_POINT_TOOL, names.PROMPT_BOX_TOOL],
    nextFlaggedCommand: names.COMMANDS.nextFlagged,
    markReviewedCommand: names.COMMANDS.markReviewed,
    deletePromptCommand: names.COMMANDS.deletePrompt,
    otherMaskCommand: names.COMMANDS.otherMask,
    onLeave: () => void sessions.end(),
  });
  return { extensions: [createExtension(parsed, sessions)], modes: [mode] };
}
