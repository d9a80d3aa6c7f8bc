import type { ReactElement } from "react";
import { type RefinementChoice, refinementChoices } from "../models/model-plan.ts";
import type { PanelPart } from "./refine-panel.tsx";

export function AutoSegment({ state, session }: PanelPart): ReactElement {
  const { models, progress } = state;
  // With segments to review, the room is theirs: what was chosen to make them takes a line each.
  const hasSegments = state.segments.length > 0;
  const plan = models.find(({ id }) => id === state.selectedModel)?.plan;
  const isBusy = state.phase === "loading" || state.phase === "running" || state.phase === "storing";
  return (
    <section className="samrefine-stack" aria-label="Segment automatically">
      {state.seriesTitle !== undefined && !hasSegments && (
        <div className="samrefine-muted samrefine-ellipsis" title={state.seriesTitle}>
          {state.seriesTitle}
        </div>
      )}
      <div>
        {!hasSegments && <div className="samrefine-label">Model</div>}
        <select
          aria-label="Model"
          className={`samrefine-select${hasSegments ? " samrefine-select--small" : ""}`}
          data-testid="samrefine-model"
          value={state.selectedModel ?? ""}
          disabled={isBusy}
          onChange={(event) => session.selectModel(event.target.value)}
        >
          {state.selectedModel === undefined && (
            <option value="">{models.length === 0 ? "No model installed" : "No model fits this series"}</option>
          )}
          {models.map(({ id, title, fits }) => (
            <option key={id} value={id}>
              {fits ? title : `${title} (made for other images)`}
            </option>
          ))}
        </select>
      </div>
      <div className="samrefine-row samrefine-row--wrap">
        <button
          type="button"
          className={`samrefine-button samrefine-button--${hasSegments ? "small" : "primary"}`}
          data-testid="samrefine-auto"
          disabled={!state.canAutoSegment}
          onClick={() => void session.autoSegment()}
        >
          Auto-segment study
        </button>
        <details className="samrefine-details samrefine-choice" open={!hasSegments}>
          <summary className="samrefine-ellipsis">
            {hasSegments ? refinementChoices.find(({ id }) => id === state.refinement)?.title : "Refinement"}
          </summary>
          <select
            aria-label="Refinement"
            className="samrefine-select"
            data-testid="samrefine-refinement"
            value={state.refinement}
            disabled={isBusy || state.selectedModel === undefined}
            onChange={(event) => session.selectRefinement(event.target.value as RefinementChoice)}
          >
            {refinementChoices.map(({ id, title }) => (
              <option key={id} value={id}>
                {title}
              </option>
            ))}
          </select>
          <div className="samrefine-muted" data-testid="samrefine-plan">
            {plan}
          </div>
        </details>
      </div>
      {state.seriesToSegment > 1 && (
        <button
          type="button"
          className="samrefine-button samrefine-button--small"
          data-testid="samrefine-auto-series"
          disabled={!state.canAutoSegment}
          title={`The study holds ${state.seriesToSegment} series that the model is meant for`}
          onClick={() => void session.autoSegment("series")}
        >
          Only this {state.sliceCount === 1 ? "image" : "series"} (1 of {state.seriesToSegment})
        </button>
      )}
      {isBusy && (
        <div className="samrefine-row">
          <div style={{ flex: "1 1 0", minWidth: 0 }}>
            <div className="samrefine-row samrefine-row--between samrefine-muted samrefine-numbers">
              <span className="samrefine-ellipsis">{progress?.label ?? "Working"}</span>
              <span>{progressText(progress)}</span>
            </div>
            <ProgressBar progress={progress} />
          </div>
          <button
            type="button"
            className="samrefine-button samrefine-button--small"
            data-testid="samrefine-cancel"
            onClick={() => session.cancel()}
          >
            Cancel
          </button>
        </div>
      )}
      <div
        role="status"
        data-testid="samrefine-status"
        className={`samrefine-status samrefine-status--${state.status.tone}`}
      >
        {state.status.text}
      </div>
      {state.whyNoModel.length > 0 && (
        <details className="samrefine-details" data-testid="samrefine-why-no-model">
          <summary>What the models are meant for</summary>
          {state.whyNoModel.map((reason) => (
            <div key={reason} className="samrefine-muted">
              {reason}
            </div>
          ))}
        </details>
      )}
      {state.notes.map((note) => (
        <div key={note} className="samrefine-status samrefine-status--warning samrefine-muted">
          {note}
        </div>
      ))}
    </section>
  );
}

function ProgressBar({ progress }: { readonly progress: PanelPart["state"]["progress"] }): ReactElement {
  const total = progress?.total;
  const isOpen = total === undefined || total === 0;
  return (
    <div
      role="progressbar"
      tabIndex={-1}
      aria-label={progress?.label ?? "Working"}
      aria-valuemin={0}
      {...(isOpen ? {} : { "aria-valuenow": progress?.completed ?? 0, "aria-valuemax": total })}
      data-testid="samrefine-progress"
      className={`samrefine-progress${isOpen ? " samrefine-progress--open" : ""}`}
    >
      <div style={isOpen ? {} : { width: `${(100 * (progress?.completed ?? 0)) / total}%` }} />
    </div>
  );
}

function progressText(progress: PanelPart["state"]["progress"]): string {
  if (progress?.total === undefined) return "";
  if (progress.total > 10_000) return `${Math.floor((100 * progress.completed) / progress.total)} %`;
  return `${progress.completed} / ${progress.total}`;
}
