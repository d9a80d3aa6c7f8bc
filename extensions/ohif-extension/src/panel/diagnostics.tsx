import { type ReactElement, useState } from "react";
import type { PanelPart } from "./refine-panel.tsx";

/** What runs where and what is kept of images, to be copied into a report or deleted. */
export function Diagnostics({ state, session }: PanelPart): ReactElement {
  const [text, setText] = useState<string>();
  const isBusy = state.phase === "loading" || state.phase === "running" || state.phase === "storing";
  const refresh = async () => setText(await session.diagnostics().catch((error: unknown) => String(error)));
  return (
    <details
      className="samrefine-details"
      data-testid="samrefine-diagnostics"
      onToggle={(event) => {
        if (event.currentTarget.open) void refresh();
      }}
    >
      <summary>Diagnostics</summary>
      <pre className="samrefine-diagnostics" data-testid="samrefine-diagnostics-text">
        {text ?? "Asking the worker"}
      </pre>
      <div className="samrefine-row">
        <button
          type="button"
          className="samrefine-button samrefine-button--small samrefine-button--grow"
          disabled={text === undefined}
          onClick={() => void navigator.clipboard.writeText(text ?? "")}
        >
          Copy
        </button>
        <button
          type="button"
          className="samrefine-button samrefine-button--small samrefine-button--grow"
          data-testid="samrefine-clear-cache"
          disabled={isBusy}
          title="SAM's view of each image is kept in this browser for seven days, so that a study opened again need not be read again"
          onClick={() => void session.clearCache().then(refresh)}
        >
          Clear image cache
        </button>
      </div>
    </details>
  );
}
