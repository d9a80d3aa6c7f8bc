import { type DragEvent, type ReactElement, useState } from "react";
import type { BroughtFile } from "../models/brought-model.ts";
import type { PanelPart } from "./refine-panel.tsx";

/** Drop a model's folder, or its files: it is checked, kept in this browser and offered like those of the site. */
export function ModelImport({ state, session }: PanelPart): ReactElement {
  const [isOver, setOver] = useState(false);
  const isBusy = state.phase === "loading" || state.phase === "running" || state.phase === "storing";
  const bring = (files: Promise<readonly BroughtFile[]>) => void files.then((found) => session.bringModel(found));
  const onDrop = (event: DragEvent) => {
    event.preventDefault();
    event.stopPropagation();
    setOver(false);
    if (!isBusy) bring(droppedFiles(event.dataTransfer));
  };
  const onDragOver = (event: DragEvent) => {
    event.preventDefault();
    setOver(true);
  };
  return (
    <details className="samrefine-details" data-testid="samrefine-own-models">
      <summary>Own models{state.ownModels.length > 0 ? ` (${state.ownModels.length})` : ""}</summary>
      <label
        className={`samrefine-drop${isOver ? " samrefine-drop--over" : ""}`}
        data-testid="samrefine-model-drop"
        onDragOver={onDragOver}
        onDragLeave={() => setOver(false)}
        onDrop={onDrop}
      >
        Drop a model here, its folder or its files (manifest.json and .onnx), or press to choose the files. It stays in
        this browser.
        <input
          type="file"
          multiple
          hidden
          data-testid="samrefine-model-files"
          disabled={isBusy}
          onChange={(event) => {
            const files = [...(event.target.files ?? [])].map(broughtFile);
            event.target.value = "";
            bring(Promise.resolve(files));
          }}
        />
      </label>
      {state.ownModels.map(({ id, title }) => (
        <div
          key={id}
          className="samrefine-row samrefine-row--between"
          data-testid="samrefine-own-model"
          data-model={id}
        >
          <span className="samrefine-ellipsis" title={id}>
            {title}
          </span>
          <button
            type="button"
            className="samrefine-button samrefine-button--small"
            disabled={isBusy}
            onClick={() => void session.removeModel(id)}
          >
            Remove
          </button>
        </div>
      ))}
    </details>
  );
}

function broughtFile(file: File): BroughtFile {
  return {
    path: file.webkitRelativePath || file.name,
    bytes: file.size,
    read: async () => new Uint8Array(await file.arrayBuffer()),
  };
}

/** Folders are walked through; the browser empties the event's data as soon as the handler returns. */
async function droppedFiles(data: DataTransfer): Promise<readonly BroughtFile[]> {
  const entries = [...data.items].map((item) => item.webkitGetAsEntry());
  const plain = [...data.files].map(broughtFile);
  if (!entries.some((entry) => entry?.isDirectory)) return plain;
  const files: BroughtFile[] = [];
  for (const entry of entries) if (entry) files.push(...(await filesIn(entry)));
  return files;
}

async function filesIn(entry: FileSystemEntry): Promise<readonly BroughtFile[]> {
  if (entry.isFile) {
    const file = await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject));
    return [{ ...broughtFile(file), path: entry.fullPath.replace(/^\//, "") }];
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  const files: BroughtFile[] = [];
  // A reader hands out a hundred at a time, and none at the end.
  for (;;) {
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (some.length === 0) return files;
    for (const inner of some) files.push(...(await filesIn(inner)));
  }
}
