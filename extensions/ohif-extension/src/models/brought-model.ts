import { RefineError } from "@samrefine/core";
import { type ModelManifest, parseManifest, verifyFile } from "@samrefine/models";

/** A file that was dropped or chosen. */
export interface BroughtFile {
  /** With the folders that it lay in, e.g. `my-unet/model.onnx`. */
  readonly path: string;
  readonly bytes: number;
  read(): Promise<Uint8Array<ArrayBuffer>>;
}

export interface BroughtModel {
  readonly manifest: ModelManifest;
  /** By name, `manifest.json` among them; the manifest's `url`s are these names. */
  readonly files: ReadonlyMap<string, Uint8Array<ArrayBuffer>>;
}

const MANIFEST = "manifest.json";

/**
 * One model out of a folder, or out of files that were brought together: its manifest and every file that the manifest
 * names, their digests checked. Other files are left where they are.
 *
 * @param taken ids of the models that the site offers.
 * @throws RefineError `model-manifest` (none, several, invalid, an id that is taken, a file that is missing or lies
 * elsewhere), `model-integrity` (a damaged or another file).
 */
export async function readBroughtModel(
  brought: readonly BroughtFile[],
  taken: readonly string[] = [],
): Promise<BroughtModel> {
  const manifests = brought.filter(({ path }) => nameOf(path) === MANIFEST);
  const [manifestFile] = manifests;
  if (!manifestFile || manifests.length > 1) {
    throw refusal(
      `A model is a folder with one ${MANIFEST}; ${manifests.length} were found among ${brought.length} files (${listed(brought)}).`,
      "`samrefine models describe model.onnx` drafts a manifest; docs/models.md describes it. Bring one model at a time.",
    );
  }
  const text = new TextDecoder().decode(await manifestFile.read());
  const manifest = parseManifestText(text, manifestFile.path);
  if (taken.includes(manifest.id)) {
    throw refusal(
      `This site already offers a model with the id ${manifest.id}.`,
      "Give yours another id in its manifest, so that results say which model made them.",
    );
  }
  const folder = manifestFile.path.slice(0, -MANIFEST.length);
  const files = new Map<string, Uint8Array<ArrayBuffer>>();
  for (const file of manifest.files) {
    if (nameOf(file.url) !== file.url || file.url === MANIFEST || file.url === "") {
      throw refusal(
        `The manifest names the file ${file.url}, which does not lie beside it.`,
        "Put all files of a model into one folder and give their names alone.",
      );
    }
    const found = brought.find(({ path }) => path === folder + file.url);
    if (!found) {
      throw refusal(
        `The manifest names the file ${file.url}, but it was not brought along (${listed(brought)}).`,
        "Drop the whole folder, or all files of the model together.",
      );
    }
    const bytes = await found.read();
    await verifyFile(bytes, file, found.path);
    files.set(file.url, bytes);
  }
  files.set(MANIFEST, new TextEncoder().encode(`${JSON.stringify(manifest, undefined, 2)}\n`));
  return { manifest, files };
}

function nameOf(path: string): string {
  return path.split(/[/\\]/).at(-1) ?? "";
}

function listed(files: readonly BroughtFile[]): string {
  const names = files.slice(0, 5).map(({ path }) => path);
  return [...names, ...(files.length > names.length ? ["…"] : [])].join(", ") || "nothing";
}

/** @throws RefineError `model-manifest` when it is no JSON or no manifest; `origin` is its path or URL. */
export function parseManifestText(text: string, origin: string): ModelManifest {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new RefineError("model-manifest", `${origin} is not JSON.`, { details: { origin }, cause });
  }
  return parseManifest(json, origin);
}

function refusal(message: string, hint: string): RefineError {
  return new RefineError("model-manifest", message, { hint });
}
