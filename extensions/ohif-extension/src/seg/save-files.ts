export interface NamedFile {
  readonly name: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** Saves one file as it is, and several as one archive, because browsers ask before they save a second file. */
export async function saveFiles(files: readonly NamedFile[], archiveName: string): Promise<void> {
  const [first] = files;
  if (!first) return;
  if (files.length === 1) save(first);
  else {
    const { zipSync } = await import("fflate");
    const entries = Object.fromEntries(files.map(({ name, bytes }) => [name, bytes]));
    save({ name: `${archiveName}.zip`, bytes: zipSync(entries) });
  }
}

function save({ name, bytes }: NamedFile): void {
  const url = URL.createObjectURL(new Blob([bytes], { type: "application/octet-stream" }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
