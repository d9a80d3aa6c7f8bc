import type { ReactElement } from "react";
import type { PanelPart } from "./refine-panel.tsx";

/** The SAM refine tool: what a click means, and the preview that waits. */
export function RefineTool({ state, session }: PanelPart): ReactElement {
  const { pending } = state;
  return (
    <section className="samrefine-stack" aria-label="SAM refine tool">
      <fieldset
        className="samrefine-row samrefine-row--tight samrefine-fieldset"
        aria-label="The tool, and what its click does"
      >
        <button
          type="button"
          className="samrefine-button samrefine-button--small"
          data-testid="samrefine-tool"
          aria-label="SAM refine tool"
          aria-pressed={state.isToolInHand}
          onClick={() => session.toggleTool()}
          title={
            state.isToolInHand
              ? "The SAM refine tool is in hand; press to go back to window and level"
              : "Takes the SAM refine tool of the toolbar in hand"
          }
        >
          Tool
        </button>
        {(["include", "exclude"] as const).map((mode) => (
          <button
            key={mode}
            type="button"
            className="samrefine-button samrefine-button--small"
            data-testid={`samrefine-mode-${mode}`}
            aria-pressed={state.clickMode === mode}
            onClick={() => session.setClickMode(mode)}
          >
            {mode === "include" ? "+ Include" : "− Exclude"}
          </button>
        ))}
        <button
          type="button"
          className="samrefine-button samrefine-button--small"
          data-testid="samrefine-prompts"
          aria-pressed={state.arePromptsShown}
          title="Shows the points and boxes that SAM was given; drag or delete them and the mask follows"
          onClick={() => session.setPromptsShown(!state.arePromptsShown)}
        >
          Prompts
        </button>
      </fieldset>
      {pending ? (
        <div className="samrefine-pending samrefine-stack" data-testid="samrefine-pending">
          <div className="samrefine-numbers">
            Preview of <strong>{pending.segmentLabel}</strong>: {promptCount(pending)}
          </div>
          <button
            type="button"
            className="samrefine-button samrefine-button--small"
            data-testid="samrefine-other-mask"
            data-token={pending.maskToken}
            disabled={pending.maskToken === undefined || state.phase !== "review"}
            title="SAM has four masks for the same prompts, from the whole to a small part"
            onClick={() => void session.otherMask()}
          >
            Other mask{pending.maskToken === undefined ? "" : ` (${MASK_NAMES[pending.maskToken]})`} <kbd>M</kbd>
          </button>
          <div className="samrefine-row">
            <button
              type="button"
              className="samrefine-button samrefine-button--small samrefine-button--grow"
              data-testid="samrefine-accept"
              onClick={() => session.accept()}
            >
              Accept <kbd>Enter</kbd>
            </button>
            <button
              type="button"
              className="samrefine-button samrefine-button--small samrefine-button--grow"
              data-testid="samrefine-drop"
              onClick={() => session.drop()}
            >
              Drop <kbd>Esc</kbd>
            </button>
          </div>
        </div>
      ) : (
        <div className="samrefine-muted">
          Click or drag a box; <kbd>Ctrl</kbd> or <kbd>Alt</kbd> inverts it.
        </div>
      )}
    </section>
  );
}

const MASK_NAMES: readonly string[] = ["single", "1 of 3", "2 of 3", "3 of 3"];

function promptCount({ points, hasBox }: NonNullable<PanelPart["state"]["pending"]>): string {
  const parts = [points > 0 ? `${points} ${points === 1 ? "point" : "points"}` : "", hasBox ? "box" : ""];
  return parts.filter(Boolean).join(" and ");
}
