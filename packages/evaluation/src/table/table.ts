import { RefineError } from "@samrefine/core";

/** null is a value that does not exist; it is written as an empty CSV field and as a dash elsewhere. */
export type Cell = string | number | null;

export interface TableColumn {
  readonly header: string;
  /** Decimals of numbers in the text form; CSV keeps full precision. Default: as JavaScript prints them. */
  readonly decimals?: number | undefined;
}

/** A table as data, written as text by {@link toMarkdown} or {@link toCsv}. */
export interface Table {
  readonly title: string;
  readonly columns: readonly TableColumn[];
  readonly rows: readonly (readonly Cell[])[];
  /** Below the table: what was left out, and what the numbers are not. */
  readonly notes: readonly string[];
}

/** GitHub-flavoured Markdown; numbers are aligned to the right. @throws RefineError `shape-mismatch`. */
export function toMarkdown(table: Table): string {
  requireRectangular(table);
  const { title, columns, rows, notes } = table;
  const isNumeric = columns.map((_, c) => rows.some((row) => typeof row[c] === "number"));
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [
    `### ${title}`,
    "",
    line(columns.map(({ header }) => escapeMarkdown(header))),
    line(isNumeric.map((numeric) => (numeric ? "--:" : ":--"))),
    ...rows.map((row) => line(row.map((cell, c) => escapeMarkdown(cellText(cell, columns[c]))))),
    ...(notes.length === 0 ? [] : ["", ...notes.map((note) => `- ${note}`)]),
    "",
  ].join("\n");
}

/** RFC 4180 with CRLF: header and rows, numbers at full precision. Title and notes stay out. @throws `shape-mismatch`. */
export function toCsv(table: Table): string {
  requireRectangular(table);
  const lines = [table.columns.map(({ header }) => header), ...table.rows];
  return lines.map((line) => `${line.map(csvField).join(",")}\r\n`).join("");
}

function csvField(cell: Cell): string {
  if (cell === null) return "";
  const text = String(cell);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function cellText(cell: Cell, column: TableColumn | undefined): string {
  if (cell === null) return "–";
  if (typeof cell === "string" || column?.decimals === undefined) return String(cell);
  return cell.toFixed(column.decimals);
}

function escapeMarkdown(text: string): string {
  return text
    .replaceAll("\\", "\\\\")
    .replaceAll("|", "\\|")
    .replaceAll(/[\r\n]+/g, " ");
}

function requireRectangular({ title, columns, rows }: Table): void {
  const wrong = rows.findIndex((row) => row.length !== columns.length);
  if (wrong === -1) return;
  throw new RefineError(
    "shape-mismatch",
    `Table ${title}: row ${wrong} has ${rows[wrong]?.length ?? 0} cells for ${columns.length} columns.`,
  );
}
