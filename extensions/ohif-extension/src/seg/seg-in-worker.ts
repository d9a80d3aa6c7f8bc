import type { SourceInstance } from "@samrefine/dicom";
import { type Remote, releaseProxy, wrap } from "comlink";
import { fromWireError, type Reply } from "../refinery/wire.ts";
import type { LabelFormat } from "./label-file.ts";
import type { ReadSeg } from "./read-seg.ts";
import type { SegEndpoint } from "./seg.worker.ts";
import type { SegJob, WrittenSeg } from "./seg-job.ts";
import type { TrainingCase, TrainingCaseJob } from "./training-case.ts";

/** Runs one call in a worker of its own that ends with it: writing and reading are rare and their memory should not stay. */
async function inWorker<T>(call: (endpoint: Remote<SegEndpoint>) => Promise<Reply<T>>): Promise<T> {
  const worker = new Worker(new URL("./seg.worker.ts", import.meta.url), { type: "module", name: "samrefine-seg" });
  const endpoint = wrap<SegEndpoint>(worker);
  try {
    const crashed = new Promise<never>((_, reject) => {
      worker.addEventListener("error", (event) => reject(new Error(event.message)));
    });
    const reply = await Promise.race([call(endpoint), crashed]);
    if (!reply.ok) throw fromWireError(reply.error);
    return reply.value;
  } finally {
    endpoint[releaseProxy]();
    worker.terminate();
  }
}

/** @throws RefineError `seg-encoding`, `unsupported-dicom`. */
export function writeSegInWorker(job: SegJob): Promise<WrittenSeg> {
  return inWorker((endpoint) => endpoint.write(job) as Promise<Reply<WrittenSeg>>);
}

/** @throws RefineError `seg-encoding` when the two differ. */
export function compareSegInWorker(bytes: Uint8Array, job: SegJob): Promise<void> {
  return inWorker((endpoint) => endpoint.compare(bytes, job) as Promise<Reply<undefined>>);
}

/** @throws RefineError `unsupported-dicom` when the images make no volume. */
export function writeLabelsInWorker(job: SegJob, format: LabelFormat): Promise<Uint8Array<ArrayBuffer>> {
  return inWorker((endpoint) => endpoint.writeLabels(job, format) as Promise<Reply<Uint8Array<ArrayBuffer>>>);
}

/** @throws RefineError `unsupported-dicom` when several images make no volume. */
export function writeTrainingCaseInWorker(task: TrainingCaseJob): Promise<TrainingCase> {
  return inWorker((endpoint) => endpoint.writeTrainingCase(task) as Promise<Reply<TrainingCase>>);
}

/** @throws RefineError `unsupported-dicom`. */
export function readSegInWorker(bytes: Uint8Array, sources: readonly SourceInstance[]): Promise<ReadSeg> {
  return inWorker((endpoint) => endpoint.read(bytes, sources) as Promise<Reply<ReadSeg>>);
}
