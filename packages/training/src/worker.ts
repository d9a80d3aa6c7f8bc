import { webRawSessions } from "@samrefine/inference/web";
import { serveTraining } from "./web/serve-training.ts";

// The entry of the training worker: importing it is all that a worker's module has to do. It has a side effect, and
// package.json says so.
serveTraining({ createSessions: webRawSessions });
