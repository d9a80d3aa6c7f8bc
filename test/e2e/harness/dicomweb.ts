import { readFile } from "node:fs/promises";

/** A data set of the DICOM JSON model. */
export type JsonDataSet = Readonly<Record<string, { readonly vr: string; readonly Value?: readonly unknown[] }>>;

/** First value of an element. */
export function firstValue(dataSet: JsonDataSet | undefined, tag: string): unknown {
  return dataSet?.[tag]?.Value?.[0];
}

/** Asks a DICOMweb server. @param path below its root, e.g. `studies?PatientID=1` */
export async function query(root: string, path: string): Promise<readonly JsonDataSet[]> {
  const response = await fetch(`${root}/${path}`, { headers: { Accept: "application/dicom+json" } });
  if (response.status === 204) return [];
  if (!response.ok) throw new Error(`${path} was answered with ${response.status}: ${await response.text()}`);
  return (await response.json()) as readonly JsonDataSet[];
}

/** Stores files as one STOW-RS request. */
export async function storeFiles(root: string, files: readonly (string | Uint8Array)[]): Promise<Response> {
  const boundary = `test-${crypto.randomUUID()}`;
  const chunks: Uint8Array[] = [];
  for (const file of files) {
    chunks.push(Buffer.from(`--${boundary}\r\nContent-Type: application/dicom\r\n\r\n`));
    chunks.push(typeof file === "string" ? await readFile(file) : file);
    chunks.push(Buffer.from("\r\n"));
  }
  chunks.push(Buffer.from(`--${boundary}--\r\n`));
  return fetch(`${root}/studies`, {
    method: "POST",
    headers: {
      "Content-Type": `multipart/related; type="application/dicom"; boundary=${boundary}`,
      Accept: "application/dicom+json",
    },
    body: Buffer.concat(chunks),
  });
}

/** UIDs of the studies of a server, newest first, optionally with one modality. */
export async function studyUids(root: string, modality?: string): Promise<readonly string[]> {
  const filter = modality === undefined ? "" : `?ModalitiesInStudy=${modality}`;
  return (await query(root, `studies${filter}`)).map((study) => String(firstValue(study, "0020000D")));
}
