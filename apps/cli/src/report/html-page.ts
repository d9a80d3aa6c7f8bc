export function escapeHtml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}

export interface HtmlColumn {
  readonly title: string;
  /** Shown when the pointer rests on the title. */
  readonly explanation?: string;
  readonly isNumber?: boolean;
}

/** A table whose cells are text; the first column is the row's heading. `strong` marks rows by index. */
export function htmlTable(
  columns: readonly HtmlColumn[],
  rows: readonly (readonly string[])[],
  strong: readonly number[] = [],
): string {
  const head = columns
    .map(({ title, explanation, isNumber }) => {
      const hint = explanation === undefined ? "" : ` title="${escapeHtml(explanation)}"`;
      return `<th scope="col"${isNumber ? ' class="n"' : ""}${hint}>${escapeHtml(title)}</th>`;
    })
    .join("");
  const body = rows
    .map((row, index) => {
      const cells = row.map((cell, column) =>
        column === 0
          ? `<th scope="row">${escapeHtml(cell)}</th>`
          : `<td${columns[column]?.isNumber ? ' class="n"' : ""}>${escapeHtml(cell)}</td>`,
      );
      return `<tr${strong.includes(index) ? ' class="strong"' : ""}>${cells.join("")}</tr>`;
    })
    .join("\n");
  return `<div class="scroll"><table><thead><tr>${head}</tr></thead><tbody>\n${body}\n</tbody></table></div>`;
}

/** One self-contained page: no script, no request. `body` is trusted HTML. */
export function htmlPage(title: string, body: string): string {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)}</title>
<style>
:root{color-scheme:light dark;--line:#d5d9e0;--head:#f3f5f8;--mark:#fff6dd;--soft:#5b6472}
@media (prefers-color-scheme:dark){:root{--line:#3a414d;--head:#232a35;--mark:#3d3515;--soft:#a3acba}body{background:#141a22;color:#e4e8ee}}
body{font:15px/1.5 system-ui,sans-serif;max-width:1320px;margin:2rem auto;padding:0 1.25rem}
h1{font-size:1.5rem;margin:0 0 .25rem}h2{font-size:1.15rem;margin:2rem 0 .5rem}
p{max-width:75ch}.soft{color:var(--soft)}.warn{border-left:4px solid #d58a00;padding:.4rem .8rem;background:var(--mark)}
.scroll{overflow-x:auto}table{border-collapse:collapse;font-size:.87rem}
th,td{border:1px solid var(--line);padding:.3rem .4rem;text-align:left;vertical-align:top;white-space:nowrap}
thead th{background:var(--head);white-space:normal;vertical-align:bottom}tbody th{font-weight:600}.n{text-align:right;font-variant-numeric:tabular-nums}
.wrap td{white-space:normal}tr.strong{background:var(--mark)}code{font-size:.88em}
figure{margin:1rem 0}figure img{max-width:100%;height:auto;border:1px solid var(--line)}
.strategy{margin:.6rem 0}.strategy>summary{font-weight:600;cursor:pointer}
figcaption{font-size:.9rem;color:var(--soft)}.key{display:inline-block;width:.8em;height:.8em;margin:0 .3em 0 .9em;vertical-align:-.05em}
pre{white-space:pre-wrap;background:var(--head);padding:.7rem;overflow-x:auto;font-size:.85rem}
</style></head><body>
${body}
<p class="soft">Research use only; not a medical device.</p>
</body></html>
`;
}
