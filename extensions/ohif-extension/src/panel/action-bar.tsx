import type { ReactElement } from "react";
import type { DownloadFormat } from "../seg/seg-store.ts";
import type { PanelPart } from "./refine-panel.tsx";
import { SegRemarksFields } from "./seg-remarks-fields.tsx";

type FormatOption = readonly [format: DownloadFormat, title: string];
const DICOM_SEG: FormatOption = ["dicom-seg", "DICOM SEG"];
const NNUNET: FormatOption = ["nnunet", "nnU-Net data set, with images (.zip)"];
const IMAGE_FORMATS: readonly FormatOption[] = [DICOM_SEG, ["png", "PNG label map"], NNUNET];
const VOLUME_FORMATS: readonly FormatOption[] = [
  DICOM_SEG,
  ["nifti", "NIfTI label map (.nii.gz)"],
  ["nrrd", "NRRD label map"],
  ["seg-nrrd", "3D Slicer segmentation (.seg.nrrd)"],
  NNUNET,
  ["msd", "Decathlon data set, with images (.zip)"],
];

/** Undo and hand-over. */
export function ActionBar({ state, session }: PanelPart): ReactElement {
  const { segsToStore, downloadFormat } = state;
  const formats = state.sliceCount === 1 ? IMAGE_FORMATS : VOLUME_FORMATS;
  return (
    <section className="samrefine-stack" aria-label="Undo, store and download">
      <div className="samrefine-row">
        <button
          type="button"
          className="samrefine-button samrefine-button--icon"
          data-testid="samrefine-undo"
          disabled={!state.canUndo}
          aria-label="Undo"
          title="Undo (Ctrl+Z)"
          onClick={() => session.undo()}
        >
          <UndoIcon />
        </button>
        <button
          type="button"
          className="samrefine-button samrefine-button--icon"
          data-testid="samrefine-redo"
          disabled={!state.canRedo}
          aria-label="Redo"
          title="Redo (Ctrl+Y)"
          onClick={() => session.redo()}
        >
          <UndoIcon isMirrored />
        </button>
        <button
          type="button"
          className="samrefine-button samrefine-button--grow"
          data-testid="samrefine-store"
          disabled={segsToStore === 0}
          title="Stores a DICOM SEG per series in the archive that the study came from"
          onClick={() => void session.store()}
        >
          {state.hasUnstoredSeg ? "Store again" : segsToStore > 1 ? `Store ${segsToStore} SEGs` : "Store SEG"}
        </button>
      </div>
      <div className="samrefine-row">
        <button
          type="button"
          className="samrefine-button"
          data-testid="samrefine-download"
          disabled={segsToStore === 0}
          title={`Saves the segmentation as ${formats.find(([format]) => format === downloadFormat)?.[1]}`}
          onClick={() => void session.download()}
        >
          Download
        </button>
        <select
          aria-label="Download as"
          className="samrefine-select"
          data-testid="samrefine-format"
          value={downloadFormat}
          onChange={(event) => session.selectDownloadFormat(event.target.value as DownloadFormat)}
        >
          {formats.map(([format, title]) => (
            <option key={format} value={format}>
              {title}
            </option>
          ))}
        </select>
      </div>
      <SegRemarksFields state={state} session={session} />
      <div className="samrefine-research">Research use only. Not for diagnosis.</div>
    </section>
  );
}

function UndoIcon({ isMirrored = false }: { readonly isMirrored?: boolean }): ReactElement {
  return (
    <svg
      width="16"
      height="16"
      viewBox="0 0 16 16"
      fill="none"
      stroke="currentColor"
      strokeWidth="1.5"
      transform={isMirrored ? "scale(-1 1)" : undefined}
      aria-hidden
    >
      <path d="M5.5 2.5 2.5 5.5l3 3" />
      <path d="M2.5 5.5h7a4 4 0 0 1 0 8H6" />
    </svg>
  );
}
