import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import { RefineError } from "@samrefine/core";
import { Command, Option } from "commander";
import { buildViewer } from "./build.ts";
import { log, parsePort, runCommand, serveUntilStopped } from "./command-line.ts";
import { openFolderSource, openPacsSource } from "./data-source.ts";
import { defaultLayout } from "./locations.ts";
import type { DicomwebHandler } from "./server.ts";

interface StartOptions {
  readonly port: number;
  readonly host: string;
  readonly folder?: string;
  readonly store?: string;
  readonly dicomweb?: string;
  readonly allowStock?: boolean;
  readonly open: boolean;
}

function createProgram(): Command {
  return new Command("npm start --")
    .description("Opens the OHIF viewer with SAM Refine. Research use only.")
    .addOption(new Option("--port <n>", "port of the viewer; 0 takes any free one").argParser(parsePort).default(3000))
    .addOption(new Option("--host <address>", "address to listen at").env("HOST").default("127.0.0.1"))
    .addOption(
      new Option("--folder <dir>", "DICOM files to show, sub-folders included (default: the demo studies)").conflicts(
        "dicomweb",
      ),
    )
    .addOption(
      new Option(
        "--store <dir>",
        "where stored segmentations go (default: DIR-samrefine-store, beside the folder)",
      ).conflicts("dicomweb"),
    )
    .option("--dicomweb <url>", "show the studies of a PACS instead; address of its DICOMweb root")
    .option("--allow-stock", "start with OHIF's own modes when the extension does not build (for development)")
    .option("--no-open", "do not open a browser");
}

/** The handler for /dicom-web that the options ask for. */
async function openSource(options: StartOptions, signal: AbortSignal): Promise<DicomwebHandler> {
  if (options.dicomweb !== undefined) {
    const handler = openPacsSource(options.dicomweb);
    log(`Studies come from ${new URL(options.dicomweb).host}`);
    return handler;
  }
  const folder = options.folder === undefined ? defaultLayout.demo : resolve(options.folder);
  const storeDirectory = resolve(options.store ?? defaultStore(options.folder));
  if (!(await stat(folder).catch(() => undefined))?.isDirectory()) {
    throw new RefineError("configuration", `There is no folder ${folder}.`, {
      hint: "Give --folder the path of a folder with DICOM files.",
    });
  }
  const { handler, index, report } = await openFolderSource({ folder, storeDirectory, signal });
  log(`${index.studyUids.length} studies with ${report.indexed} instances; what is stored goes to ${storeDirectory}`);
  if (report.otherFiles > 0) log(`${report.otherFiles} other files were passed over`);
  if (report.damagedFiles > 0) log(`${report.damagedFiles} damaged DICOM files were left out`);
  if (report.duplicates > 0) log(`${report.duplicates} further copies of the same instances were left out`);
  return handler;
}

function defaultStore(folder: string | undefined): string {
  return folder === undefined ? defaultLayout.demoStore : `${resolve(folder)}-samrefine-store`;
}

const program = createProgram();
program.parse();
const options = program.opts<StartOptions>();
await runCommand(async (stop) => {
  await buildViewer({ log, signal: stop, allowStock: options.allowStock === true });
  const dicomweb = await openSource(options, stop);
  const { port, host } = options;
  await serveUntilStopped({ web: defaultLayout.web, dicomweb, port, host }, options.open, stop);
});
