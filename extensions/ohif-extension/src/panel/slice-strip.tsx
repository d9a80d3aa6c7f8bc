import { memo, type ReactElement, useEffect, useRef } from "react";
import { qualityWord } from "../run/quality.ts";
import type { PanelPart } from "./refine-panel.tsx";

type Strip = PanelPart["state"]["strips"][number];
type Cell = Strip["cells"][number];

/** Cells in a row of the strip: not so few that they look like buttons, not so many that they cannot be hit. */
const FEWEST_COLUMNS = 14;
const MOST_COLUMNS = 28;

/** Every slice of the study as a cell, coloured by its worst estimate; a mark above the cell says that it is to be checked. */
export function SliceStrips({ state, session }: PanelPart): ReactElement | null {
  const { strips, flaggedCount } = state;
  const cells = strips.flatMap((strip) => strip.cells);
  const container = useRef<HTMLDivElement>(null);
  const visible = cells.findIndex(({ isVisible }) => isVisible);
  // A long strip scrolls by itself: the cell of the slice on screen stays in sight.
  useEffect(() => {
    if (visible >= 0) container.current?.querySelector("[aria-current=true]")?.scrollIntoView({ block: "nearest" });
  }, [visible]);
  if (cells.length < 2) return null;
  const hasResults = cells.some(({ status }) => status !== "empty");
  const name = strips.every(({ isOfImages }) => isOfImages) ? "Images" : "Slices";
  return (
    <section aria-label={name}>
      <div className="samrefine-row samrefine-row--between">
        <h2>{name}</h2>
        {hasResults && <MarkReviewed state={state} session={session} />}
        {hasResults && (
          <button
            type="button"
            className="samrefine-button samrefine-button--small samrefine-numbers"
            data-testid="samrefine-next-flagged"
            disabled={flaggedCount === 0}
            title="Goes to the next slice that is flagged"
            onClick={() => session.goToNextFlagged()}
          >
            {flaggedCount === 0 ? "None to check" : `Check next · ${flaggedCount} left`} <kbd>J</kbd>
          </button>
        )}
      </div>
      <div ref={container} className="samrefine-strips">
        {strips.map((strip) => (
          <StudyStrip
            key={strip.cells[0]?.displaySetUid}
            strip={strip}
            hasTitle={strips.length > 1}
            state={state}
            session={session}
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

/** Of the slice on screen: what is not wrong need not be drawn anew to leave the list of slices to check. */
function MarkReviewed({ state, session }: PanelPart): ReactElement {
  const isReviewed = state.strips.some(({ cells }) =>
    cells.some((cell) => cell.isVisible && cell.status === "reviewed"),
  );
  const isBusy = state.phase === "loading" || state.phase === "running" || state.phase === "storing";
  return (
    <button
      type="button"
      className="samrefine-button samrefine-button--small"
      data-testid="samrefine-mark-reviewed"
      disabled={isBusy}
      aria-pressed={isReviewed}
      aria-label="Slice on screen is reviewed"
      title="Marks the slice on screen as reviewed, or no longer: a reviewed slice is not flagged, and no run writes over it"
      onClick={() => session.markReviewed()}
    >
      ✓ <kbd>K</kbd>
    </button>
  );
}

function StudyStrip({
  strip,
  hasTitle,
  state,
  session,
}: PanelPart & { readonly strip: Strip; readonly hasTitle: boolean }): ReactElement {
  const { cells, isOfImages } = strip;
  const columns = Math.min(Math.max(cells.length, FEWEST_COLUMNS), MOST_COLUMNS);
  return (
    <>
      {hasTitle && <div className="samrefine-muted samrefine-ellipsis">{isOfImages ? "Images" : strip.title}</div>}
      <div className="samrefine-strip" style={{ gridTemplateColumns: `repeat(${columns}, minmax(0, 1fr))` }}>
        {cells.map((cell, index) => (
          <StripCell
            key={`${cell.displaySetUid} ${cell.slice}`}
            {...cell}
            index={index}
            isImage={isOfImages}
            flagBelowDice={state.flagBelowDice}
            session={session}
          />
        ))}
      </div>
    </>
  );
}

interface StripCellProps extends Cell {
  /** Place in the strip. */
  readonly index: number;
  readonly isImage: boolean;
  readonly flagBelowDice: number;
  readonly session: PanelPart["session"];
}

/** Drawn again only when something in it changes: of hundreds of slices a run changes one at a time. */
const StripCell = memo(function StripCell(props: StripCellProps): ReactElement {
  const { index, isImage, flagBelowDice, session, ...cell } = props;
  const text = cellText(cell, `${isImage ? "Image" : "Slice"} ${index + 1}`, flagBelowDice);
  return (
    <button
      type="button"
      data-testid={cell.isFlagged ? "samrefine-flagged-slice" : "samrefine-slice"}
      data-slice={index}
      tabIndex={cell.isFlagged || cell.isVisible ? 0 : -1}
      className={cellClass(cell, flagBelowDice)}
      aria-label={text}
      aria-current={cell.isVisible}
      title={text}
      onClick={() => session.goToSlice(cell.displaySetUid, cell.slice)}
    />
  );
});

function key(color: string): Record<string, string> {
  return { "--sr-key": color };
}

function cellClass(slice: Cell, flagBelow: number): string {
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

function cellText(slice: Cell, name: string, flagBelow: number): string {
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
