import { type KeyboardEvent, type ReactElement, useId } from "react";
import { MOST_CHARACTERS, type SegRemarks } from "../seg/seg-remarks.ts";
import type { PanelPart } from "./refine-panel.tsx";

/** Who made the SEG and what the archive lists it as; both may stay empty. */
export function SegRemarksFields({ state, session }: PanelPart): ReactElement {
  return (
    <details className="samrefine-details" data-testid="samrefine-remarks">
      <summary>Creator and description of the SEG</summary>
      <RemarkField name="creator" title="Creator" hint="Family, Given" state={state} session={session} />
      <RemarkField
        name="description"
        title="Series description"
        hint="SAM Refine: and the labels"
        state={state}
        session={session}
      />
    </details>
  );
}

interface RemarkFieldProps extends PanelPart {
  readonly name: keyof SegRemarks;
  readonly title: string;
  /** What the archive gets, or how it is typed, when it is empty. */
  readonly hint: string;
}

function RemarkField({ name, title, hint, state, session }: RemarkFieldProps): ReactElement {
  const id = useId();
  return (
    <div>
      <label className="samrefine-label" htmlFor={id}>
        {title}
      </label>
      <input
        id={id}
        className="samrefine-input"
        data-testid={`samrefine-${name}`}
        autoComplete="off"
        maxLength={MOST_CHARACTERS}
        placeholder={hint}
        disabled={state.phase === "storing"}
        value={state.remarks[name]}
        onChange={(event) => session.setRemarks({ ...state.remarks, [name]: event.target.value })}
        // The viewer's own hotkeys must not hear what is typed here.
        onKeyDown={(event: KeyboardEvent) => event.stopPropagation()}
      />
    </div>
  );
}
