import type { OutboxEntry } from "@samrefine/dicom";
import type { ReactElement } from "react";
import type { PanelPart } from "./refine-panel.tsx";

/** SEGs that an earlier session could not store: nothing is lost by a closed tab. */
export function WaitingSegs({ state, session }: PanelPart): ReactElement {
  return (
    <section className="samrefine-stack" aria-label="Not in the archive yet">
      {state.waiting.map((entry) => (
        <WaitingSeg key={entry.id} entry={entry} state={state} session={session} />
      ))}
    </section>
  );
}

function WaitingSeg({ entry, state, session }: PanelPart & { readonly entry: OutboxEntry }): ReactElement {
  const isBusy = state.phase === "loading" || state.phase === "running" || state.phase === "storing";
  const since = new Date(entry.addedAt).toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "short" });
  return (
    <div className="samrefine-pending samrefine-stack" data-testid="samrefine-waiting">
      <div>A SEG of this study of {since} is not in the archive yet. This browser keeps it.</div>
      <div className="samrefine-row">
        <button
          type="button"
          className="samrefine-button samrefine-button--small samrefine-button--grow"
          data-testid="samrefine-waiting-store"
          disabled={isBusy}
          onClick={() => void session.storeWaiting(entry)}
        >
          Store
        </button>
        <button
          type="button"
          className="samrefine-button samrefine-button--small samrefine-button--grow"
          data-testid="samrefine-waiting-download"
          disabled={isBusy}
          onClick={() => void session.downloadWaiting(entry)}
        >
          Download
        </button>
        <button
          type="button"
          className="samrefine-button samrefine-button--small samrefine-button--grow"
          data-testid="samrefine-waiting-discard"
          disabled={isBusy}
          title="Forgets it; it is in no archive then"
          onClick={() => void session.discardWaiting(entry)}
        >
          Discard
        </button>
      </div>
    </div>
  );
}
