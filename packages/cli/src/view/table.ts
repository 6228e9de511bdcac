/** A cell: what it says, and how it is painted once its width is settled. */
export interface Cell {
  readonly text: string;
  readonly paint?: (text: string) => string;
}

export interface Column {
  readonly title: string;
  readonly align?: "left" | "right";
}

const gap = "  ";

/**
 * Lines of a table whose columns are as wide as their widest cell. Where `width` does not suffice, lines are cut: a
 * table that wraps cannot be read, and could not be drawn over.
 */
export function renderTable(
  columns: readonly Column[],
  rows: readonly (readonly Cell[])[],
  options: { readonly width?: number; readonly heading?: (text: string) => string } = {},
): readonly string[] {
  const { width = Number.POSITIVE_INFINITY, heading = (text) => text } = options;
  const head = columns.map(({ title }): Cell => ({ text: title, paint: heading }));
  const lines = [head, ...rows];
  const widths = columns.map((_, index) => Math.max(...lines.map((cells) => cells[index]?.text.length ?? 0)));
  return lines.map((cells) => renderLine(columns, cells, widths, width));
}

function renderLine(
  columns: readonly Column[],
  cells: readonly Cell[],
  widths: readonly number[],
  width: number,
): string {
  let line = "";
  let room = width;
  for (const [index, column] of columns.entries()) {
    const { text, paint = (same: string) => same } = cells[index] ?? { text: "" };
    const lead = index === 0 ? "" : gap;
    const isLast = index === columns.length - 1;
    const full = widths[index] ?? text.length;
    const padded = column.align === "right" ? text.padStart(full) : isLast ? text : text.padEnd(full);
    const shown = cut(lead + padded, room);
    room -= shown.length;
    // Padding stays unpainted, or an underlined heading would run into the next column.
    line += shown.replace(shown.trim(), (visible) => (visible === "" ? "" : paint(visible)));
    if (room <= 0) break;
  }
  return line.trimEnd();
}

/** At most `room` characters; the last one tells that there were more. */
export function cut(text: string, room: number): string {
  if (text.length <= room) return text;
  return room <= 1 ? text.slice(0, Math.max(0, room)) : `${text.slice(0, room - 1)}…`;
}
