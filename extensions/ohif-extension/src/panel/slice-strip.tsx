import type { ReactElement } from "react";
import { qualityWord } from "../run/quality.ts";
import type { PanelPart } from "./refine-panel.tsx";

type Slice = PanelPart["state"]["slices"][number];

/** Cells in a row of the strip: not so few that they look like buttons, not so many that they cannot be hit. */
const FEWEST_COLUMNS = 14;
const MOST_COLUMNS = 28;

/** Every slice as a cell, coloured by its worst estimate; a mark above the cell says that it is to be checked. */
export function SliceStrip({ state, session }: PanelPart): ReactElement {
  const columns = Math.min(Math.max(state.sliceCount, FEWEST_COLUMNS), MOST_COLUMNS);
  const hasResults = state.slices.some(({ status }) => status !== "empty");
  return (
    <section aria-label="Slices">
      <div className="samrefine-row samrefine-row--between">
        <h2 className="samrefine-numbers">
          Slices{hasResults ? ` · ${state.flaggedCount === 0 ? "none" : state.flaggedCount} to check` : ""}
        </h2>
        <button
          type="button"
          className="samrefine-button samrefine-button--small"
          data-testid="samrefine-next-flagged"
          disabled={state.flaggedCount === 0}
          onClick={() => session.goToNextFlagged()}
        >
          Next to check <kbd>J</kbd>
        </button>
      </div>
      <div className="samrefine-strip" style={{ gridTemplateColumns: `repeat(${columns}, minmax(0, 1fr))` }}>
        {state.slices.map((slice) => (
          <button
            key={slice.slice}
            type="button"
            data-testid={slice.isFlagged ? "samrefine-flagged-slice" : "samrefine-slice"}
            data-slice={slice.slice}
            tabIndex={slice.isFlagged || slice.isVisible ? 0 : -1}
            className={sliceClass(slice, state.flagBelowDice)}
            aria-label={sliceText(slice, state.flagBelowDice)}
            aria-current={slice.isVisible}
            title={sliceText(slice, state.flagBelowDice)}
            onClick={() => session.goToSlice(slice.slice)}
          />
        ))}
      </div>
      {hasResults && (
        <div className="samrefine-legend" aria-hidden>
          <span style={key("var(--sr-good)")}>good</span>
          <span style={key("var(--sr-fair)")}>fair</span>
          <span style={key("var(--sr-check)")}>check</span>
          <span style={key("hsl(199 80% 55%)")}>reviewed</span>
        </div>
      )}
    </section>
  );
}

function key(color: string): Record<string, string> {
  return { "--sr-key": color };
}

function sliceClass(slice: Slice, flagBelow: number): string {
  const names = ["samrefine-slice"];
  if (slice.status === "failed" || slice.status === "reviewed") names.push(`samrefine-slice--${slice.status}`);
  else if (slice.status === "done") {
    const word = slice.worstDice === undefined ? "absent" : qualityWord(slice.worstDice, flagBelow);
    names.push(`samrefine-slice--${slice.isFlagged ? "check" : word}`);
  }
  if (slice.isFlagged) names.push("samrefine-slice--flagged");
  if (slice.isVisible) names.push("samrefine-slice--visible");
  return names.join(" ");
}

function sliceText(slice: Slice, flagBelow: number): string {
  const name = `Slice ${slice.slice + 1}`;
  switch (slice.status) {
    case "empty":
      return name;
    case "failed":
      return `${name}: could not be segmented`;
    case "reviewed":
      return `${name}: reviewed`;
    case "done": {
      if (slice.worstDice === undefined) return `${name}: nothing found`;
      const word = slice.isFlagged ? "check" : qualityWord(slice.worstDice, flagBelow);
      return `${name}: ${word}, lowest estimated Dice ${slice.worstDice.toFixed(2)}`;
    }
  }
}
