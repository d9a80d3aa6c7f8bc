import { createElement, type ReactElement } from "react";
import { createRoot, type Root } from "react-dom/client";
import type { SessionHolder } from "../session/session-holder.ts";
import { RefinePanel } from "./refine-panel.tsx";
import { adoptPanelStyles } from "./styles.ts";

/**
 * What OHIF renders with its own copy of React: one plain element without hooks, whose ref owns a root of our copy.
 */
export function createPanelHost(sessions: SessionHolder): () => ReactElement {
  let root: Root | undefined;
  const attach = (element: HTMLElement | null): void => {
    if (element) {
      adoptPanelStyles();
      const drawn = createRoot(element);
      root = drawn;
      sessions.panel = (session) => drawn.render(<RefinePanel session={session} />);
      sessions.showPanel();
      return;
    }
    const leaving = root;
    root = undefined;
    sessions.panel = undefined;
    // Not while the host's React is in the middle of its own commit.
    setTimeout(() => leaving?.unmount());
  };
  return () => createElement("div", { ref: attach, className: "h-full min-h-0 overflow-hidden" });
}
