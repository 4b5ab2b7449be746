/** The values of one attribute, divided into cells that no comparison with a literal tells apart. */
import type { Json } from '../../../../crypto/canonical.ts';
import { payload_depth_max } from '../../detect/payload.ts';
import type { Setting } from './requests.ts';
import type { Described } from './vocabulary.ts';
import { textClasses, type TextPredicate } from './texts.ts';

/** What conditions compare an attribute with. */
export interface Mentioned {
  readonly numbers: Set<number>;
  readonly texts: Set<string>;
  /** Lists, as JSON. */
  readonly lists: Set<string>;
  /** Texts that are asked to be elements of the attribute. */
  readonly elements: Map<string, Json>;
  readonly predicates: Map<string, TextPredicate>;
}

/** The kinds that functions and operators tell apart. */
export type CellKind = 'fault' | 'absent' | 'null' | 'boolean' | 'number' | 'text' | 'list' | 'object';

/** A set of values that conditions treat alike. */
export interface Cell {
  readonly kind: CellKind;
  /** Values of the cell, the most ordinary first; `undefined` is the absent attribute. */
  readonly samples: readonly (Json | undefined)[];
  /** That the sample is the only value. */
  readonly point: boolean;
  /** For texts, lists and objects: that the predicates and elements asked for are settled too. */
  readonly settled: boolean;
  /** What else the request says. */
  readonly besides?: Setting;
}

const elements_max = 5;

/** Nothing mentioned yet. */
export function nothingMentioned(): Mentioned {
  return { numbers: new Set(), texts: new Set(), lists: new Set(), elements: new Map(), predicates: new Map() };
}

/** The cells of an attribute, the most ordinary first. Together they hold every value. */
export function cellsOf(mentioned: Mentioned): readonly Cell[] {
  return [
    point('absent', undefined),
    ...textCells(mentioned),
    ...numberCells(mentioned.numbers),
    point('boolean', true),
    point('boolean', false),
    ...listCells(mentioned),
    point('null', null),
    point('object', {}),
    ...objectCells(mentioned),
  ];
}

/** The cells of `data.contains_pii`, which a detector answers with yes or no whatever the payload says, unless there is no payload. */
export function flagCells(): readonly Cell[] {
  const without_payload = point('absent', undefined);
  // The detector looks at the action too.
  return [point('boolean', false), point('boolean', true), without_payload, { ...without_payload, besides: { path: ['action', 'note'], value: 'card 4111 1111 1111 1111' } }];
}

/** For an attribute that a detector computes: a payload nested too deep to be looked at. */
export function faultCell(): Cell {
  let deep: Json = 'deep';
  for (let depth = 0; depth <= payload_depth_max; depth += 1) deep = [deep];
  return { ...point('fault', undefined), besides: { path: ['data', 'deep'], value: deep } };
}

/** The cells with values of one kind of the vocabulary, and the absent one. */
export function ofKind(cells: readonly Cell[], kind: Described['kind']): readonly Cell[] {
  const kept = kind === 'flag' ? 'boolean' : kind;
  return kind === 'any' ? cells : cells.filter((cell) => cell.kind === kept || cell.kind === 'absent');
}

function point(kind: CellKind, value: Json | undefined): Cell {
  return { kind, samples: [value], point: true, settled: true };
}

function textCells({ texts, predicates }: Mentioned): readonly Cell[] {
  const points = new Set([...texts, '']);
  const classes = predicates.size === 0 ? undefined : textClasses([...predicates.values()], points);
  const others = ['other', 'another', 'third'].map((word) => unused(word, points));
  const open: readonly Cell[] = classes === undefined
    ? [{ kind: 'text', samples: others, point: false, settled: predicates.size === 0 }]
    : classes.map((text): Cell => ({ kind: 'text', samples: [text], point: false, settled: true }));
  return [...[...texts].map((text) => point('text', text)), ...open, ...(texts.has('') ? [] : [point('text', '')])];
}

function unused(word: string, points: ReadonlySet<string>): string {
  let text = word;
  while (points.has(text)) text += '-x';
  return text;
}

function numberCells(numbers: ReadonlySet<number>): readonly Cell[] {
  const sorted = [...new Set([...numbers, 0])].filter((number) => Number.isFinite(number)).sort((a, b) => a - b);
  const gap = (...samples: number[]): Cell => ({ kind: 'number', samples, point: false, settled: true });
  const cells: Cell[] = [];
  for (const [index, number] of sorted.entries()) {
    cells.push(point('number', number));
    const next = sorted[index + 1];
    const between = next === undefined ? [Math.floor(number) + 1, Math.floor(number) + 2] : within(number, next);
    if (between.length > 0) cells.push(gap(...between));
  }
  const [least = 0] = sorted;
  return [...cells, gap(Math.ceil(least) - 1, Math.ceil(least) - 2)];
}

/** Numbers between two, whole ones where there are any. */
function within(a: number, b: number): readonly number[] {
  const middle = a + (b - a) / 2;
  return [Math.floor(middle), middle, a + (b - a) / 4].filter((number) => number > a && number < b);
}

function listCells({ elements, lists }: Mentioned): readonly Cell[] {
  return [
    ...subsetsOf([...elements.values()]).map(({ subset, settled }): Cell => ({ kind: 'list', samples: [[...subset, { other: 'element' }]], point: false, settled })),
    point('list', []),
    ...[...lists].filter((text) => text !== '[]').map((text) => point('list', JSON.parse(text))),
  ];
}

/** Objects by which of the names asked for they have. */
function objectCells({ elements }: Mentioned): readonly Cell[] {
  const names = [...elements.values()].flatMap((element) => (typeof element === 'string' ? [element] : []));
  return subsetsOf(names).map(({ subset, settled }): Cell => ({ kind: 'object', samples: [Object.fromEntries([...subset, 'other'].map((name) => [name, 'value']))], point: false, settled }));
}

function subsetsOf<Item>(items: readonly Item[]): readonly { readonly subset: readonly Item[]; readonly settled: boolean }[] {
  if (items.length > elements_max) return [{ subset: [], settled: false }];
  return Array.from({ length: 2 ** items.length }, (_, set) => ({ subset: items.filter((_item, index) => (set >> index) % 2 === 1), settled: true }));
}
