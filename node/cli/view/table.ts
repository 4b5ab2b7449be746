/** Tables and detail lists that fit the width of the terminal. Cells are made harmless here, whatever they hold. */
import { visible } from './text.ts';

const gap = '  ';
const column_characters_min = 8;

/** One column: its title, and whether its numbers stand at the right. */
export interface Column {
  readonly title: string;
  readonly right?: boolean;
}

function widthOf(text: string): number {
  return Array.from(text).length;
}

function cut(text: string, width: number): string {
  return widthOf(text) <= width ? text : `${Array.from(text).slice(0, Math.max(0, width - 1)).join('')}…`;
}

function pad(text: string, width: number, right: boolean): string {
  const space = ' '.repeat(Math.max(0, width - widthOf(text)));
  return right ? space + text : text + space;
}

/** The widths at which everything fits, taking from the widest column first; `undefined` when not even that helps. */
function fit(natural: readonly number[], available: number): readonly number[] | undefined {
  const widths = [...natural];
  let excess = widths.reduce((sum, width) => sum + width, 0) + gap.length * (widths.length - 1) - available;
  while (excess > 0) {
    const widest = widths.indexOf(Math.max(...widths));
    const width = widths[widest];
    if (width === undefined || width <= column_characters_min) return undefined;
    widths[widest] = width - 1;
    excess -= 1;
  }
  return widths;
}

/**
 * The lines of a table no wider than `width`: cells are cut with an ellipsis,
 * and where even that does not fit, each row becomes a list of its fields.
 */
export function table(columns: readonly Column[], rows: readonly (readonly string[])[], width: number): readonly string[] {
  const cells = rows.map((row) => columns.map((_, index) => visible(row[index] ?? '')));
  const natural = columns.map(({ title }, index) => Math.max(widthOf(title), ...cells.map((row) => widthOf(row[index] ?? ''))));
  const widths = fit(natural, width);
  if (widths === undefined) {
    return cells.flatMap((row, index) => [
      ...(index === 0 ? [] : ['']),
      ...details(columns.map(({ title }, column) => [title.toLowerCase(), row[column] ?? ''])),
    ]);
  }
  const line = (texts: readonly string[]): string => columns
    .map(({ right = false }, index) => pad(cut(texts[index] ?? '', widths[index] ?? 0), widths[index] ?? 0, right))
    .join(gap)
    .trimEnd();
  return [line(columns.map(({ title }) => title)), ...cells.map(line)];
}

/** Lines of names and values with the values aligned; entries without a value are left out. */
export function details(entries: readonly (readonly [name: string, value: string | undefined])[]): readonly string[] {
  const given = entries.flatMap(([name, value]) => value === undefined ? [] : [[name, visible(value)] as const]);
  const width = Math.max(0, ...given.map(([name]) => widthOf(name)));
  return given.map(([name, value]) => `${pad(name, width, false)}${gap}${value}`.trimEnd());
}
