import { InstanceIndex, type ScanReport } from "./dicomweb/instance-index.ts";
import { createDicomwebService } from "./dicomweb/service.ts";
import { createReverseProxy, parseUpstream } from "./http/reverse-proxy.ts";
import type { DicomwebHandler } from "./server.ts";

export interface FolderSource {
  readonly handler: DicomwebHandler;
  readonly index: InstanceIndex;
  readonly report: ScanReport;
}

/**
 * Serves the DICOM files of a folder and of what was stored beside it. Both are read once, here; files that are put into
 * the folder later appear after a restart.
 */
export async function openFolderSource(options: {
  readonly folder: string;
  readonly storeDirectory: string;
  readonly signal?: AbortSignal | undefined;
}): Promise<FolderSource> {
  const { folder, storeDirectory, signal } = options;
  const index = new InstanceIndex();
  const report = await index.addFolder(folder, signal);
  const stored = await index.addFolder(storeDirectory, signal).catch((error: NodeJS.ErrnoException) => {
    // Nothing was stored yet.
    if (error.code === "ENOENT") return { indexed: 0, otherFiles: 0, damagedFiles: 0, duplicates: 0 };
    throw error;
  });
  return {
    handler: createDicomwebService({ index, storeDirectory }),
    index,
    report: {
      indexed: report.indexed + stored.indexed,
      otherFiles: report.otherFiles + stored.otherFiles,
      damagedFiles: report.damagedFiles + stored.damagedFiles,
      // A store folder inside the served one is met twice; that is no duplicate of the user's making.
      duplicates: report.duplicates,
    },
  };
}

/** Forwards to a PACS. @throws RefineError `configuration` for an address that is none */
export function openPacsSource(address: string): DicomwebHandler {
  return createReverseProxy(parseUpstream(address));
}
