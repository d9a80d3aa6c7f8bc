/** Columns padded to their widest cell; numbers (cells that start with a digit, a sign or "–") to the right. */
export function formatTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const isRight = head.map((_, column) => rows.length > 0 && rows.every((row) => /^[-+–−\d]/.test(row[column] ?? "")));
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => (row[column] ?? "").length)));
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => (isRight[column] ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!)))
      .join("  ")
      .trimEnd();
  return [line(head), widths.map((width) => "-".repeat(width)).join("  "), ...rows.map(line)].join("\n");
}
