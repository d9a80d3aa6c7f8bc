import type { CodedConcept } from "@samrefine/core";
import { type Concept, searchConcepts } from "@samrefine/dicom";
import { type KeyboardEvent, type ReactElement, useEffect, useId, useRef, useState } from "react";

interface ConceptFieldProps {
  readonly text: string;
  /** What the text names; undefined while it names nothing. */
  readonly chosen: { readonly type: CodedConcept; readonly category: CodedConcept } | undefined;
  readonly onChange: (text: string) => void;
}

/**
 * A coded type, searched by name or synonym: a combobox with a list box, as the ARIA Authoring Practices describe it. Arrows
 * move through the list, Enter takes what is marked, Esc closes the list.
 */
export function ConceptField({ text, chosen, onChange }: ConceptFieldProps): ReactElement {
  const id = useId();
  const [isOpen, setOpen] = useState(false);
  /** What was typed since the list was opened; before that it offers everything. */
  const [query, setQuery] = useState("");
  const [marked, setMarked] = useState(-1);
  const list = useRef<HTMLDivElement>(null);
  const concepts = isOpen ? searchConcepts(query, MOST_SHOWN) : [];
  const optionId = (index: number) => `${id}-${index}`;

  useEffect(() => {
    if (isOpen) list.current?.scrollIntoView({ block: "nearest" });
  }, [isOpen]);
  useEffect(() => {
    if (marked >= 0) list.current?.children[marked]?.scrollIntoView({ block: "nearest" });
  }, [marked]);

  const open = (search: string, mark: number) => {
    setQuery(search);
    setMarked(mark);
    setOpen(true);
  };
  const take = (concept: Concept) => {
    onChange(concept.type.meaning);
    setOpen(false);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const markedConcept = concepts[marked];
    if (event.key === "ArrowDown") {
      if (isOpen) setMarked(Math.min(marked + 1, concepts.length - 1));
      else open("", 0);
    } else if (event.key === "ArrowUp" && isOpen) {
      setMarked(marked < 0 ? concepts.length - 1 : Math.max(marked - 1, 0));
    } else if (event.key === "Enter" && markedConcept) take(markedConcept);
    else if (event.key === "Escape" && isOpen) setOpen(false);
    else return;
    event.preventDefault();
    event.stopPropagation();
  };

  return (
    <div>
      <label className="samrefine-label" htmlFor={`${id}-input`}>
        Coded type (SNOMED CT)
      </label>
      <input
        id={`${id}-input`}
        className="samrefine-input"
        data-testid="samrefine-editor-type"
        role="combobox"
        autoComplete="off"
        spellCheck={false}
        aria-autocomplete="list"
        aria-expanded={concepts.length > 0}
        aria-controls={`${id}-list`}
        aria-activedescendant={concepts[marked] ? optionId(marked) : undefined}
        aria-invalid={chosen === undefined}
        value={text}
        onChange={(event) => {
          onChange(event.target.value);
          open(event.target.value, -1);
        }}
        onClick={() => {
          if (!isOpen) open("", -1);
        }}
        onBlur={() => setOpen(false)}
        onKeyDown={onKeyDown}
      />
      <div
        ref={list}
        id={`${id}-list`}
        className="samrefine-options"
        role="listbox"
        aria-label="Coded types"
        hidden={concepts.length === 0}
        // Pressing into the list, or on its scroll bar, must not take the focus from the field, which would close the list.
        onMouseDown={(event) => event.preventDefault()}
      >
        {concepts.map((concept, index) => (
          // biome-ignore lint/a11y/useKeyWithClickEvents: the field has the keys; its aria-activedescendant names the option.
          <div
            key={concept.type.value}
            id={optionId(index)}
            role="option"
            tabIndex={-1}
            data-testid="samrefine-editor-concept"
            aria-selected={index === marked}
            className="samrefine-option"
            onClick={() => take(concept)}
          >
            {concept.type.meaning}
            <span className="samrefine-muted">{concept.category.meaning}</span>
          </div>
        ))}
      </div>
      <div className="samrefine-muted" role="status">
        {chosen ? `${chosen.type.value} · ${chosen.category.meaning}` : missing(isOpen && concepts.length === 0)}
      </div>
    </div>
  );
}

function missing(isNothingFound: boolean): string {
  return isNothingFound ? "No type has this name; Tissue fits where none does." : "Choose a type from the list.";
}

/** The dictionary has some hundred and fifty. */
const MOST_SHOWN = 200;
