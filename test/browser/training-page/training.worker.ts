import "@samrefine/training/worker";
