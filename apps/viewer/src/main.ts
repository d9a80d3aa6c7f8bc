import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import { isRefineError, RefineError } from "@samrefine/core";
import { Command, InvalidArgumentError, Option } from "commander";
import open from "open";
import { buildViewer } from "./build.ts";
import { openFolderSource, openPacsSource } from "./data-source.ts";
import { defaultLayout } from "./locations.ts";
import { type DicomwebHandler, startViewerServer } from "./server.ts";

interface StartOptions {
  readonly port: number;
  readonly host: string;
  readonly folder?: string;
  readonly store?: string;
  readonly dicomweb?: string;
  readonly open: boolean;
}

const log = (message: string): void => {
  process.stdout.write(`${message}\n`);
};

function parsePort(text: string): number {
  const port = Number(text);
  if (!Number.isInteger(port) || port < 0 || port > 65535) throw new InvalidArgumentError("A port is 0 to 65535.");
  return port;
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

async function start(options: StartOptions): Promise<void> {
  const stop = new AbortController();
  for (const name of ["SIGINT", "SIGTERM"] as const) process.once(name, () => stop.abort());
  await buildViewer({ log, signal: stop.signal });
  const dicomweb = await openSource(options, stop.signal);
  const server = await startViewerServer({
    web: defaultLayout.web,
    dicomweb,
    port: options.port,
    host: options.host,
    onError: (message) => process.stderr.write(`${message}\n`),
  });
  log(`SAM Refine (research use only) is ready at ${server.url}`);
  // On a machine without a desktop there is nothing to open, and the address above is all that is needed.
  if (options.open) await open(server.url).catch(() => undefined);
  await new Promise<void>((done) => {
    if (stop.signal.aborted) done();
    stop.signal.addEventListener("abort", () => done());
  });
  await server.close();
}

try {
  const program = createProgram();
  program.parse();
  await start(program.opts<StartOptions>());
} catch (error) {
  if (error instanceof Error && error.name === "AbortError") process.exit(130);
  if (!isRefineError(error)) throw error;
  process.stderr.write(`${error.message}\n${error.hint}\n`);
  process.exitCode = error.code === "configuration" ? 2 : 1;
}
