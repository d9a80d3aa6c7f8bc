import { type ReactElement, useState } from "react";
import { type BackendPreference, backendPreferences } from "../refinery/backend-preference.ts";
import type { PanelPart } from "./refine-panel.tsx";

/** What runs where and what is kept of images, to be copied into a report or deleted. */
export function Diagnostics({ state, session }: PanelPart): ReactElement {
  const [text, setText] = useState<string>();
  const isBusy = state.phase === "loading" || state.phase === "running" || state.phase === "storing";
  const refresh = async () => setText(await session.diagnostics().catch((error: unknown) => String(error)));
  return (
    <>
      <div className="samrefine-muted" data-testid="samrefine-backend">
        {state.backend}
      </div>
      <details
        className="samrefine-details"
        data-testid="samrefine-diagnostics"
        onToggle={(event) => {
          if (event.currentTarget.open) void refresh();
        }}
      >
        <summary>Diagnostics</summary>
        <label className="samrefine-label" htmlFor="samrefine-backend-choice">
          Models run on
        </label>
        <select
          id="samrefine-backend-choice"
          className="samrefine-select"
          data-testid="samrefine-backend-choice"
          value={state.backendPreference}
          disabled={isBusy}
          onChange={(event) => void session.chooseBackend(event.target.value as BackendPreference).then(refresh)}
        >
          {backendPreferences.map(({ id, title }) => (
            <option key={id} value={id}>
              {title}
            </option>
          ))}
        </select>
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
    </>
  );
}
