import { RefineError } from "@samrefine/core";

/** Whether the browser offers WebGL 2; OHIF 3.13 draws no image without it and leaves its viewports black. */
export function canDrawImages(): boolean {
  const context = document.createElement("canvas").getContext("webgl2");
  // Browsers allow few contexts at a time.
  context?.getExtension("WEBGL_lose_context")?.loseContext();
  return context !== null;
}

export function noWebGl(): RefineError {
  return new RefineError("backend-unavailable", "This browser offers no WebGL, so the viewer cannot draw images.", {
    hint: "Turn hardware acceleration on in the browser's settings, update the graphics driver, or use another browser.",
  });
}
