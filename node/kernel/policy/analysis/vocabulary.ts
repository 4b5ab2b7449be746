/** The attributes that the kernel gives a request, and what their values look like. */
import { sandbox_tiers } from '../policy.ts';

/** The kind of an attribute's values, with their range or their list where there is one. */
export interface Described {
  readonly kind: 'number' | 'text' | 'flag' | 'list' | 'any';
  readonly least?: number;
  readonly most?: number;
  readonly values?: readonly string[];
}

const text: Described = { kind: 'text' };
const flag: Described = { kind: 'flag' };
const list: Described = { kind: 'list' };
const any: Described = { kind: 'any' };

/** Known attributes by their dotted path. */
export const vocabulary: ReadonlyMap<string, Described> = new Map<string, Described>([
  ['action.type', text], ['action.resource', text], ['action.tool', text],
  ['agent.id', text], ['agent.did', text], ['agent.name', text], ['agent.sponsor', text],
  ['agent.trust_score', { kind: 'number', least: 0, most: 1000 }],
  ['context.remote', flag], ['context.peer', text],
  ['context.delegation', any], ['context.delegation.root', text], ['context.delegation.depth', { kind: 'number', least: 0 }], ['context.delegation.capabilities', list],
  ['data.contains_pii', flag],
  ['sql.verb', text], ['sql.destructive', flag], ['sql.statements', { kind: 'number', least: 0 }], ['sql.reasons', list],
  ['path.present', flag], ['path.values', list],
  ...['pii', 'secret', 'injection'].flatMap((root): readonly (readonly [string, Described])[] => [[`${root}.present`, flag], [`${root}.types`, list], [`${root}.count`, { kind: 'number', least: 0 }]]),
  ['payload.texts', list],
  ['sandbox.tier', { kind: 'text', values: sandbox_tiers }], ['sandbox.level', { kind: 'number', least: 0, most: sandbox_tiers.length - 1 }],
  ['taint.labels', list], ['taint.tainted', flag],
]);

/** Roots under which a program or an agent may put what it likes. */
const open_roots: ReadonlySet<string> = new Set(['action', 'data']);
/** Names that people write without their root. */
const bare_names: ReadonlyMap<string, string> = new Map([['trust_score', 'agent.trust_score'], ['contains_pii', 'data.contains_pii'], ['tainted', 'taint.tainted']]);
const edits_max = 2;
const fuzzy_characters_min = 5;

/** The known attribute that was probably meant; `undefined` for known ones and for those that resemble none. */
export function meantAttribute(path: readonly string[]): string | undefined {
  const written = path.join('.');
  if (vocabulary.has(written)) return undefined;
  const bare = bare_names.get(written);
  if (bare !== undefined) return bare;
  const [root = ''] = path;
  const near = [...vocabulary.keys()].map((name) => ({ name, edits: distance(plain(written), plain(name)) })).filter(({ name, edits }) => {
    const own_root = name.startsWith(`${root}.`);
    // Under an open root another name is the author's own, unless it is a slip of one or two characters.
    const allowed = own_root && open_roots.has(root) ? 1 : edits_max;
    return edits <= allowed && plain(name).length - (own_root ? root.length : 0) >= fuzzy_characters_min;
  });
  return near.sort((a, b) => a.edits - b.edits)[0]?.name;
}

/** A name without what people spell differently: case and underscores. */
function plain(name: string): string {
  return name.toLowerCase().replaceAll(/[_-]/g, '');
}

/** How many characters must be added, removed, replaced or exchanged with their neighbour (Damerau 1964). */
function distance(a: string, b: string): number {
  if (Math.abs(a.length - b.length) > edits_max) return edits_max + 1;
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, column) => column)];
  for (let row = 1; row <= a.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= b.length; column += 1) {
      const same = a[row - 1] === b[column - 1];
      const swapped = row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1];
      current.push(Math.min(
        (rows[row - 1]?.[column] ?? 0) + 1,
        (current[column - 1] ?? 0) + 1,
        (rows[row - 1]?.[column - 1] ?? 0) + (same ? 0 : 1),
        swapped ? (rows[row - 2]?.[column - 2] ?? 0) + 1 : Infinity,
      ));
    }
    rows.push(current);
  }
  return rows[a.length]?.[b.length] ?? 0;
}
