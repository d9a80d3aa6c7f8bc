import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** `apps/viewer`, wherever the repository lies. */
export const viewerDirectory: string = dirname(dirname(fileURLToPath(import.meta.url)));
/** Root of the monorepo. */
export const repositoryDirectory: string = dirname(dirname(viewerDirectory));

/** What a build writes and the server reads. */
export interface ViewerLayout {
  /** Static files: OHIF, our configuration and, under `samrefine/`, our bundle and models. */
  readonly web: string;
  /** DICOM files of the demo studies; served through DICOMweb, never as plain files. */
  readonly demo: string;
  /** One small file per build stage: the digest of what it was made from. */
  readonly stamps: string;
  /** Downloads that survive a clean build. */
  readonly cache: string;
  /** What is stored while the demo is served. */
  readonly demoStore: string;
}

export const defaultLayout: ViewerLayout = {
  web: join(viewerDirectory, "dist", "web"),
  demo: join(viewerDirectory, "dist", "demo"),
  stamps: join(viewerDirectory, "dist", "stamps"),
  cache: join(viewerDirectory, ".cache"),
  demoStore: join(viewerDirectory, ".store"),
};
