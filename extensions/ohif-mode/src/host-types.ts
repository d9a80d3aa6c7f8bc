/** The few shapes of OHIF's mode API that this mode touches; `@ohif/*` publish no usable types. */
export type PeerImport = (moduleName: string) => Promise<unknown>;

/** Loaded with `peerImport("@ohif/mode-…")`. */
export interface HostModeModule {
  readonly modeInstance: HostModeInstance;
  readonly customizations?: unknown;
}

export interface ToolGroupService {
  addToolsToToolGroup(
    toolGroupId: string,
    tools: { readonly passive?: readonly { readonly toolName: string }[] },
  ): void;
}

export interface ToolGroupContext {
  readonly toolGroupService: ToolGroupService;
}

export interface HostLayout {
  readonly id: string;
  readonly props: { readonly rightPanels: readonly string[]; readonly [key: string]: unknown };
}

export interface HostRoute {
  readonly path?: string;
  readonly layoutInstance: HostLayout;
  /** What the route shows: the layout's id and its props. */
  layoutTemplate?(): { readonly id: string; readonly props: HostLayout["props"] };
}

export interface HostModeInstance {
  readonly extensions: unknown;
  readonly toolbarButtons: readonly unknown[];
  readonly toolbarSections: readonly unknown[];
  readonly routes: readonly HostRoute[];
  initToolGroups(context: ToolGroupContext): void;
  onModeEnter(context: unknown): void;
  onModeExit?(context: unknown): void;
  readonly [key: string]: unknown;
}
