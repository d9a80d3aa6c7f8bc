import { webgpuRawSessions, webRawSessions } from "@samrefine/inference/web";
import { serveTraining } from "./web/serve-training.ts";

// The entry of the training worker for those who offer WebGPU, whose runtime is another file of 27 MB. It can do both, so
// that a run whose GPU is not there, or is lost, goes on without another worker.
serveTraining({ createSessions: webRawSessions, createGpuSessions: webgpuRawSessions });
