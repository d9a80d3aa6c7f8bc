import { RefineError } from "@samrefine/core";
import { createDicomWebClient, type DicomWebClient } from "@samrefine/dicom";
import type { OhifHost } from "../host/ohif-host.ts";

/**
 * The archive that the open study comes from, with the user's authorisation.
 * @throws RefineError `configuration` when the data source has no DICOMweb address.
 */
export function archiveOf(host: OhifHost, use: "store" | "retrieve"): DicomWebClient {
  const config = host.dataSource?.getConfig?.();
  const root = (use === "store" ? config?.stowRoot : undefined) ?? config?.wadoRoot;
  if (root === undefined) {
    throw new RefineError("configuration", `This data source cannot ${use}: it names no DICOMweb address.`, {
      hint: use === "store" ? "Download the SEG instead." : "Name one in the viewer's configuration.",
    });
  }
  return createDicomWebClient({
    root: new URL(root, globalThis.location.href).href,
    fetch: (url, init) => fetch(url, init),
    headers: () => host.authorization(),
  });
}
