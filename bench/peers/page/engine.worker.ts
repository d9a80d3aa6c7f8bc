import "@samrefine/inference/worker";
