/** Columns padded to their widest cell; numbers (cells that start with a digit, a sign or "–") to the right. */
export function formatTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const isRight = head.map((_, column) => rows.length > 0 && rows.every((row) => /^[-+–−\d]/.test(row[column] ?? "")));
  const widths = columnWidths(head, rows);
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => (isRight[column] ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!)))
      .join(separator)
      .trimEnd();
  return [line(head), widths.map((width) => "-".repeat(width)).join(separator), ...rows.map(line)].join("\n");
}

/**
 * How many leading columns of a table fit into `width` characters, at least one.
 * @param width undefined: as many as there are, e.g. for a file.
 */
export function fittingColumns(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  width: number | undefined,
): number {
  if (width === undefined) return head.length;
  let used = -separator.length;
  const firstOutside = columnWidths(head, rows).findIndex((column) => {
    used += separator.length + column;
    return used > width;
  });
  return firstOutside === -1 ? head.length : Math.max(1, firstOutside);
}

const separator = "  ";

function columnWidths(head: readonly string[], rows: readonly (readonly string[])[]): readonly number[] {
  return head.map((title, column) => Math.max(title.length, ...rows.map((row) => (row[column] ?? "").length)));
}
