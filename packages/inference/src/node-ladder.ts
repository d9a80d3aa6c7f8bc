import { RefineError } from "@samrefine/core";
import { createLadderEngine, type LadderEngine, type LadderOptions } from "./ladder/ladder-engine.ts";
import { createNodeEngine, type NodeEngineOptions } from "./node.ts";

/**
 * The engine in this process with WebGPU where it proves itself, and the CPU everywhere else.
 * @throws RefineError `backend-unavailable`.
 */
export async function createNodeLadder(
  options: Omit<NodeEngineOptions, "provider"> & Pick<LadderOptions, "memory" | "logger"> = {},
): Promise<LadderEngine> {
  const { memory, logger, ...engine } = options;
  return createLadderEngine({
    accelerated: [{ id: "webgpu", open: () => openWebgpu(engine) }],
    base: [{ id: "cpu", open: () => createNodeEngine(engine) }],
    machine: JSON.stringify([process.platform, process.arch, process.version]),
    memory,
    logger,
  });
}

/** onnxruntime-node's own fallback to the CPU would pass every test but make no sense. */
async function openWebgpu(options: NodeEngineOptions): ReturnType<typeof createNodeEngine> {
  const engine = await createNodeEngine({ ...options, provider: "webgpu" });
  if (engine.backend.provider === "webgpu") return engine;
  await engine.dispose();
  throw new RefineError("backend-unavailable", engine.backend.description, { hint: "The CPU runs instead." });
}
