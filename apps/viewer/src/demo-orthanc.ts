import { resolve } from "node:path";
import { Command } from "commander";
import { buildViewer } from "./build.ts";
import { log, parsePort, runCommand, serveUntilStopped } from "./command-line.ts";
import { openPacsSource } from "./data-source.ts";
import { defaultLayout } from "./locations.ts";
import { startOrthanc } from "./orthanc.ts";

interface DemoOptions {
  readonly port: number;
  readonly folder?: string;
  readonly open: boolean;
}

const program = new Command("npm run demo:orthanc --")
  .description("Opens the viewer on a real PACS: an Orthanc of its own with the demo studies. Research use only.")
  .option("--port <n>", "port of the viewer; 0 takes any free one", parsePort, 3000)
  .option("--folder <dir>", "DICOM files to store instead of the demo studies")
  .option("--no-open", "do not open a browser");
program.parse();
const options = program.opts<DemoOptions>();

// The viewer before a real PACS: an Orthanc of its own, filled with the demo studies or a folder, gone at the end.
await runCommand(async (stop) => {
  const orthanc = await startOrthanc(stop);
  try {
    await buildViewer({ log, signal: stop });
    const folder = options.folder === undefined ? defaultLayout.demo : resolve(options.folder);
    log(`Orthanc runs at ${orthanc.dicomwebUrl} and holds ${await orthanc.upload(folder)} instances until this ends`);
    const dicomweb = openPacsSource(orthanc.dicomwebUrl);
    const server = { web: defaultLayout.web, dicomweb, port: options.port, host: "127.0.0.1" };
    await serveUntilStopped(server, options.open, stop);
  } finally {
    await orthanc.stop();
  }
});
