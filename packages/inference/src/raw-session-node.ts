import { createNodeRuntime } from "./node-runtime.ts";
import { type RawSessionFactory, rawSessionOf } from "./raw-session.ts";

/** A session in Node, on the native build or on the browser's WebAssembly build. */
export const createRawSession: RawSessionFactory = async (bytes, options = {}) => {
  const { threads = 1, provider = "cpu" } = options;
  return await rawSessionOf(await createNodeRuntime({ threads, provider }), bytes, options);
};
