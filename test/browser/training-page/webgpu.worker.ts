import "@samrefine/training/worker-webgpu";
