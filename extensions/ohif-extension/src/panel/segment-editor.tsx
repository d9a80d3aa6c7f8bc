import { CONCEPTS, type Concept, suggestConcept } from "@samrefine/dicom";
import {
  type FormEvent,
  type KeyboardEvent,
  type MouseEvent,
  type ReactElement,
  useEffect,
  useId,
  useRef,
  useState,
} from "react";
import { ConceptField } from "./concept-field.tsx";
import type { PanelPart } from "./refine-panel.tsx";

type Segment = PanelPart["state"]["segments"][number];

interface SegmentEditorProps {
  readonly segment: Segment;
  readonly session: PanelPart["session"];
  readonly onClose: () => void;
}

/** What a segment is called, means (coded, for the SEG) and looks like, or that it goes. Enter keeps it, Esc does not. */
export function SegmentEditor({ segment, session, onClose }: SegmentEditorProps): ReactElement {
  const id = useId();
  const [label, setLabel] = useState(segment.label);
  const [typeText, setTypeText] = useState(segment.type.meaning);
  const [isTypeChosen, setTypeChosen] = useState(false);
  const [color, setColor] = useState(hexOf(segment.colorRgb));
  const concept = conceptOf(typeText, segment);
  const isValid = label.trim() !== "" && concept !== undefined;

  // Opened at the end of a list in a low window, it would begin out of sight.
  const form = useRef<HTMLFormElement>(null);
  useEffect(() => {
    form.current?.scrollIntoView({ block: "nearest" });
  }, []);

  const rename = (text: string) => {
    setLabel(text);
    const suggestion = suggestConcept(text);
    if (!isTypeChosen && suggestion.isCertain) setTypeText(suggestion.type.meaning);
  };
  const keep = (event: FormEvent) => {
    event.preventDefault();
    if (!concept || label.trim() === "") return;
    const { type, category } = concept;
    session.editSegment(segment.number, { label: label.trim(), type, category, colorRgb: rgbOf(color) });
    onClose();
  };
  const remove = (event: MouseEvent) => {
    const row = event.currentTarget.closest("li");
    const neighbour = row?.nextElementSibling ?? row?.previousElementSibling;
    session.removeSegment(segment.number);
    // The row with the focus goes; whoever works by keys stays in the list.
    neighbour?.querySelector("button")?.focus();
  };
  // The viewer's own hotkeys must not hear what is typed here.
  const onKeyDown = (event: KeyboardEvent) => {
    event.stopPropagation();
    if (event.key === "Escape") onClose();
  };

  return (
    <form
      ref={form}
      className="samrefine-editor samrefine-stack"
      data-testid="samrefine-editor"
      onSubmit={keep}
      onKeyDown={onKeyDown}
    >
      <div>
        <label className="samrefine-label" htmlFor={`${id}-label`}>
          Label
        </label>
        <input
          id={`${id}-label`}
          className="samrefine-input"
          data-testid="samrefine-editor-label"
          // biome-ignore lint/a11y/noAutofocus: a person just asked to edit this very field.
          autoFocus
          maxLength={64}
          value={label}
          onChange={(event) => rename(event.target.value)}
        />
      </div>
      <ConceptField
        text={typeText}
        chosen={concept}
        onChange={(text) => {
          setTypeChosen(true);
          setTypeText(text);
        }}
      />
      <div className="samrefine-row">
        <input
          type="color"
          className="samrefine-color"
          data-testid="samrefine-editor-color"
          aria-label="Colour"
          value={color}
          onChange={(event) => setColor(event.target.value)}
        />
        <button
          type="submit"
          className="samrefine-button samrefine-button--small samrefine-button--grow"
          data-testid="samrefine-editor-keep"
          disabled={!isValid}
        >
          Keep
        </button>
        <button type="button" className="samrefine-button samrefine-button--small" onClick={onClose}>
          Cancel
        </button>
        <button
          type="button"
          className="samrefine-button samrefine-button--small samrefine-button--remove"
          data-testid="samrefine-editor-delete"
          title="Deletes the segment with its voxels and prompts; Undo brings it back"
          onClick={remove}
        >
          Delete
        </button>
      </div>
    </form>
  );
}

/** What the text names: the segment's own type, which may come from another dictionary, or one of ours. */
function conceptOf(text: string, segment: Segment): Pick<Concept, "type" | "category"> | undefined {
  const wanted = text.trim().toLowerCase();
  if (wanted === segment.type.meaning.toLowerCase()) return segment;
  return CONCEPTS.find(({ type }) => type.meaning.toLowerCase() === wanted);
}

function hexOf(rgb: Segment["colorRgb"]): string {
  return `#${rgb.map((value) => Math.round(value).toString(16).padStart(2, "0")).join("")}`;
}

function rgbOf(hex: string): readonly [number, number, number] {
  const value = Number.parseInt(hex.slice(1), 16);
  return [(value >> 16) & 255, (value >> 8) & 255, value & 255];
}
