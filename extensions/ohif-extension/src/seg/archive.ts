import { RefineError } from "@samrefine/core";
import type { DicomWebClient } from "@samrefine/dicom";
import type { OhifHost } from "../host/ohif-host.ts";

/**
 * Address of the archive that the open study comes from.
 * @throws RefineError `configuration` when the data source has no DICOMweb address.
 */
export function archiveRoot(host: OhifHost, use: "store" | "retrieve"): string {
  const config = host.dataSource?.getConfig?.();
  const root = (use === "store" ? config?.stowRoot : undefined) ?? config?.wadoRoot;
  if (root === undefined) {
    throw new RefineError("configuration", `This data source cannot ${use}: it names no DICOMweb address.`, {
      hint: use === "store" ? "Download the SEG instead." : "Name one in the viewer's configuration.",
    });
  }
  return new URL(root, globalThis.location.href).href;
}

let client: Promise<typeof import("./archive-client.ts")> | undefined;

/**
 * Loads what talks to an archive: with the DICOM dictionary it is a quarter of all our code, and reading needs none of it.
 * Called as soon as there is something to store, because the network may be gone when it is to be stored.
 * @throws RefineError `dicomweb`
 */
export async function loadArchiveClient(): Promise<typeof import("./archive-client.ts")> {
  client ??= import("./archive-client.ts");
  try {
    return await client;
  } catch (cause) {
    client = undefined;
    throw new RefineError("dicomweb", "The viewer's server does not answer: a part of this page could not be loaded.", {
      hint: "Try again when the connection is back.",
      cause,
    });
  }
}

/**
 * The archive that the open study comes from, with the user's authorisation.
 * @throws RefineError `configuration` when the data source has no DICOMweb address, `dicomweb`
 */
export async function archiveOf(host: OhifHost, use: "store" | "retrieve"): Promise<DicomWebClient> {
  const root = archiveRoot(host, use);
  const { createDicomWebClient } = await loadArchiveClient();
  return createDicomWebClient({ root, fetch: (url, init) => fetch(url, init), headers: () => host.authorization() });
}

/**
 * Lets the host read a new series from the archive, as it would after a reload. OHIF keeps the answer of a study's first
 * retrieval and would give that again; it is forgotten before, and afterwards too, because the next opening of the study
 * wants all series.
 * @returns false when the host could not: stored is stored, only the list on screen is old.
 */
export async function listInStudy(
  { dataSource }: OhifHost,
  studyInstanceUid: string,
  seriesInstanceUid: string,
): Promise<boolean> {
  const forget = () => {
    // OHIF 3.13 files the answer under the data source's name and the study, other versions under the study alone.
    for (const key of [`${dataSource?.getConfig?.()?.name}:${studyInstanceUid}`, studyInstanceUid]) {
      dataSource?.deleteStudyMetadataPromise?.(key);
    }
  };
  try {
    forget();
    await dataSource?.retrieve.series.metadata({
      StudyInstanceUID: studyInstanceUid,
      filters: { seriesInstanceUID: [seriesInstanceUid] },
    });
    forget();
    return true;
  } catch {
    return false;
  }
}
