import type { ReactElement } from "react";
import type { PanelPart } from "./refine-panel.tsx";

/** Segmentations of the series on screen beside the listed one: they are drawn and stored as well. */
export function OtherSegmentations({ state, session }: PanelPart): ReactElement {
  const { otherSegmentations, phase } = state;
  const isBusy = phase === "loading" || phase === "running" || phase === "storing";
  return (
    <section className="samrefine-stack" aria-label="Also on this series">
      <h2>Also on this series</h2>
      {otherSegmentations.map(({ id, label, segments, isStored }) => (
        <div key={id} className="samrefine-row samrefine-row--between" data-testid="samrefine-other-segmentation">
          <div className="samrefine-other">
            <div className="samrefine-ellipsis" title={label}>
              {label}
            </div>
            <div className="samrefine-muted samrefine-ellipsis" title={segments.join(", ")}>
              {isStored ? "In the archive" : "Not stored yet"}: {segments.join(", ")}
            </div>
          </div>
          <button
            type="button"
            className="samrefine-button samrefine-button--small"
            disabled={isBusy}
            title="Lists its segments; clicks and brushes then change them"
            onClick={() => session.showSegmentation(id)}
          >
            Edit
          </button>
        </div>
      ))}
    </section>
  );
}
