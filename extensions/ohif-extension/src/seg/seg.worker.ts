import type { SourceInstance } from "@samrefine/dicom";
import { expose, transfer } from "comlink";
import { type Reply, toWireError } from "../refinery/wire.ts";
import { type LabelFormat, writeLabelFile } from "./label-file.ts";
import { type ReadSeg, readSeg } from "./read-seg.ts";
import { compareSeg, type SegJob, type WrittenSeg, writeSeg } from "./seg-job.ts";
import { type TrainingCase, type TrainingCaseJob, writeTrainingCase } from "./training-case.ts";

const endpoint = {
  write(job: SegJob): Reply<WrittenSeg> {
    try {
      const value = writeSeg(job);
      return transfer({ ok: true, value }, [value.bytes.buffer]);
    } catch (error) {
      return { ok: false, error: toWireError(error) };
    }
  },
  compare(bytes: Uint8Array, job: SegJob): Reply<undefined> {
    try {
      compareSeg(bytes, job);
      return { ok: true, value: undefined };
    } catch (error) {
      return { ok: false, error: toWireError(error) };
    }
  },
  writeLabels(job: SegJob, format: LabelFormat): Reply<Uint8Array<ArrayBuffer>> {
    try {
      const value = writeLabelFile(job, format);
      return transfer({ ok: true, value }, [value.buffer]);
    } catch (error) {
      return { ok: false, error: toWireError(error) };
    }
  },
  writeTrainingCase(task: TrainingCaseJob): Reply<TrainingCase> {
    try {
      const value = writeTrainingCase(task);
      return transfer({ ok: true, value }, [value.image.buffer, value.label.buffer]);
    } catch (error) {
      return { ok: false, error: toWireError(error) };
    }
  },
  read(bytes: Uint8Array, sources: readonly SourceInstance[]): Reply<ReadSeg> {
    try {
      return { ok: true, value: readSeg(bytes, sources) };
    } catch (error) {
      return { ok: false, error: toWireError(error) };
    }
  },
};

export type SegEndpoint = typeof endpoint;

expose(endpoint);
