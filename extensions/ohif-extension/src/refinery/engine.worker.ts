import "@samrefine/inference/worker-webgpu";
