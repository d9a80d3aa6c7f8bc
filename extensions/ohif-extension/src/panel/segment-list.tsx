import { memo, type ReactElement, useState } from "react";
import { qualityWord } from "../run/quality.ts";
import { formatCount, formatSize } from "../series/slice-measure.ts";
import { loadedPart } from "./loaded-part.tsx";
import type { PanelPart } from "./refine-panel.tsx";

type Segment = PanelPart["state"]["segments"][number];

/** With the dictionary of coded concepts, which only an editor asks for. */
const SegmentEditor = loadedPart(async () => (await import("./segment-editor.tsx")).SegmentEditor);

export function SegmentList({ state, session }: PanelPart): ReactElement {
  return (
    <section aria-label="Segments">
      <div className="samrefine-row samrefine-row--between">
        <h2>Segments</h2>
        <button
          type="button"
          className="samrefine-button samrefine-button--small"
          data-testid="samrefine-add-segment"
          disabled={state.sliceCount === 0 || state.phase === "running" || state.phase === "loading"}
          onClick={() => void session.addSegment()}
        >
          + Add segment
        </button>
      </div>
      {state.segments.length === 0 && (
        <div className="samrefine-muted">None yet. Auto-segment the study, or click a structure with the tool.</div>
      )}
      <ul className="samrefine-segments">
        {state.segments.map((segment) => (
          <SegmentRow
            key={segment.number}
            {...segment}
            unit={state.unit}
            isVolume={state.sliceCount > 1}
            flagBelowDice={state.flagBelowDice}
            session={session}
          />
        ))}
      </ul>
    </section>
  );
}

interface SegmentRowProps extends Segment, Pick<PanelPart["state"], "unit" | "flagBelowDice"> {
  readonly isVolume: boolean;
  readonly session: PanelPart["session"];
}

/** Drawn again only when something in it changes: during a run the panel's state is another one many times a second. */
const SegmentRow = memo(function SegmentRow(props: SegmentRowProps): ReactElement {
  const { unit, isVolume, flagBelowDice, session, ...segment } = props;
  const { number, label, voxels, estimatedDice, isVisible, isActive } = segment;
  const [isEdited, setEdited] = useState(false);
  const size = formatSize(segment.size, unit);
  const count = `${formatCount(voxels)} ${isVolume ? "voxels" : "pixels"}`;
  return (
    <li
      className={`samrefine-segment${isActive ? " samrefine-segment--active" : ""}`}
      data-testid="samrefine-segment-row"
      data-segment-number={number}
      data-label={label}
      data-voxels={voxels}
      data-quality={estimatedDice === undefined ? "" : estimatedDice.toFixed(4)}
    >
      <button
        type="button"
        className="samrefine-segment__main"
        aria-pressed={isActive}
        title="Makes this the segment that clicks and boxes change"
        onClick={() => session.activateSegment(number)}
      >
        <span className="samrefine-swatch" style={{ backgroundColor: `rgb(${segment.colorRgb.join(" ")})` }} />
        <span className="samrefine-segment__label samrefine-clamped" title={label}>
          {label}
        </span>
        <span className="samrefine-segment__size samrefine-muted samrefine-numbers samrefine-ellipsis" title={count}>
          {unit === "pixels" ? count : size}
        </span>
        {estimatedDice !== undefined && <Quality dice={estimatedDice} flagBelow={flagBelowDice} />}
      </button>
      <button
        type="button"
        className="samrefine-icon-button"
        data-testid="samrefine-edit-segment"
        aria-expanded={isEdited}
        aria-label={`Edit ${label}`}
        title="Label, coded type and colour"
        onClick={() => setEdited(!isEdited)}
      >
        <PencilIcon />
      </button>
      <button
        type="button"
        className="samrefine-icon-button"
        aria-pressed={isVisible}
        aria-label={`${isVisible ? "Hide" : "Show"} ${label}`}
        title={isVisible ? "Hide" : "Show"}
        onClick={() => session.setSegmentVisible(number, !isVisible)}
      >
        <EyeIcon isOpen={isVisible} />
      </button>
      {isEdited && <SegmentEditor segment={segment} session={session} onClose={() => setEdited(false)} />}
    </li>
  );
});

function Quality({ dice, flagBelow }: { readonly dice: number; readonly flagBelow: number }): ReactElement {
  const word = qualityWord(dice, flagBelow);
  return (
    <span
      className="samrefine-segment__quality samrefine-numbers"
      title="Estimated Dice: how well the models agree with themselves. An estimate, not a measurement."
    >
      <span className={`samrefine-word samrefine-word--${word}`}>{word}</span>
      <br />
      <span className="samrefine-muted">est. Dice {dice.toFixed(2).replace(/^0/, "")}</span>
    </span>
  );
}

function PencilIcon(): ReactElement {
  return (
    <svg width="14" height="14" viewBox="0 0 16 16" fill="none" stroke="currentColor" strokeWidth="1.4" aria-hidden>
      <path d="M2.5 13.5l.7-3.2L10.6 3l2.4 2.4-7.3 7.4-3.2.7Z" />
      <path d="M9.2 4.4l2.4 2.4" />
    </svg>
  );
}

function EyeIcon({ isOpen }: { readonly isOpen: boolean }): ReactElement {
  return (
    <svg width="16" height="16" viewBox="0 0 16 16" fill="none" stroke="currentColor" strokeWidth="1.4" aria-hidden>
      <path d="M1 8s2.5-4.5 7-4.5S15 8 15 8s-2.5 4.5-7 4.5S1 8 1 8Z" opacity={isOpen ? 1 : 0.5} />
      {isOpen ? <circle cx="8" cy="8" r="2.2" /> : <path d="M2.5 13.5l11-11" />}
    </svg>
  );
}
