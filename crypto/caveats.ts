/**
 * Caveats: what a link of a chain adds to narrow its holder. A link may only
 * tighten what it inherits; at the executor the caveats of every link hold.
 */
import { containsPath, isWord, parsePath, type Capability } from './capability.ts';
import { hasShape, isFields, isStrings, isWhole, type Fields } from './canonical.ts';
import { isoTime } from './jwt.ts';
import { fail, ok, type Result } from './result.ts';
import type { Refusal } from './steps.ts';
import { containsWeek, intersectWeeks, isOpen, nextOpening, parseWeek, whole_week, type Week, type Window } from './week.ts';

/** Links in one chain. */
export const chain_links_max = 8;
/** Uses that one `rate` caveat may permit in its window. */
export const rate_count_max = 10_000;
/** The longest window of a `rate` caveat. */
export const rate_window_s_max: number = 31 * 86_400;
/** Items in one list of a caveat. */
export const caveat_items_max = 32;

/** Caveats as they stand in a token. One that is absent is inherited from the link above. */
export interface Caveats {
  /** How many further links may follow this one. */
  readonly max_depth?: number;
  /** The trust score that the invoker must have at the executor, 0..1000. */
  readonly trust?: number;
  /** At most so many uses in any so many seconds, at one executor, by all holders below the link together. */
  readonly rate?: readonly [count: number, window_s: number];
  /** When it may be used. */
  readonly win?: readonly Window[];
  /** Patterns of the resources that a command may name. */
  readonly res?: readonly string[];
  /** The tools that a command may name, as `provider:name` or `provider:*`; commands that name none are refused. */
  readonly tools?: readonly string[];
}

/** Caveats taken apart. */
export interface Terms {
  readonly stated: Caveats;
  readonly week?: Week;
  readonly resources?: readonly (readonly string[])[];
}

const names: readonly (keyof Caveats)[] = ['max_depth', 'trust', 'rate', 'win', 'res', 'tools'];

function isRate(value: unknown): value is readonly [number, number] {
  if (!Array.isArray(value) || value.length !== 2) return false;
  const [count, window_s]: readonly unknown[] = value;
  return isWhole(count) && count >= 1 && count <= rate_count_max && isWhole(window_s) && window_s >= 1 && window_s <= rate_window_s_max;
}

function isTool(text: string): boolean {
  const [provider = '', name = '', more] = text.split(':', 3);
  return more === undefined && isWord(provider) && (name === '*' || isWord(name));
}

function isList(value: unknown): value is readonly string[] {
  return isStrings(value) && value.length >= 1 && value.length <= caveat_items_max && new Set(value).size === value.length;
}

function isSimple(value: Fields): boolean {
  const { max_depth, trust, rate, tools } = value;
  return (max_depth === undefined || isWhole(max_depth))
    && (trust === undefined || (isWhole(trust) && trust <= 1000))
    && (rate === undefined || isRate(rate))
    && (tools === undefined || (isList(tools) && tools.every(isTool)));
}

function parsePaths(value: unknown): readonly (readonly string[])[] | undefined {
  if (!isList(value)) return undefined;
  const paths = value.flatMap((text) => {
    const path = parsePath(text);
    return path.ok ? [path.value] : [];
  });
  return paths.length === value.length ? paths : undefined;
}

/**
 * Takes the caveats of a token apart. One that is unknown or malformed spoils
 * all, since what is not understood is not granted. Fails with `CHAIN_CAVEAT_UNKNOWN`.
 */
export function parseCaveats(value: unknown): Result<Terms> {
  let week: Week | undefined;
  let resources: Terms['resources'];
  const isCaveats = (given: unknown): given is Caveats => {
    if (!hasShape(given, [], names) || !isSimple(given)) return false;
    week = given['win'] === undefined ? undefined : parseWeek(given['win']);
    resources = given['res'] === undefined ? undefined : parsePaths(given['res']);
    return (week === undefined) === (given['win'] === undefined) && (resources === undefined) === (given['res'] === undefined);
  };
  if (isCaveats(value)) return ok({ stated: value, ...(week === undefined ? {} : { week }), ...(resources === undefined ? {} : { resources }) });
  const given = isFields(value) ? Object.keys(value).join(', ').slice(0, 80) : typeof value;
  return fail('CHAIN_CAVEAT_UNKNOWN', `a caveat of ${given} is unknown or malformed, and what is not understood is not granted`, {
    fix: 'max_depth, trust 0..1000, rate [count, seconds], win [[days, from, to, zone]], res [path], tools [provider:name]',
  });
}

/** The terms of a link's holder before the link says anything: nothing is narrowed. */
export const no_terms: Terms = { stated: {} };

/** What a further link inherits: the same, with one link less that may follow; `undefined` where none may. */
export function inherit(above: Terms): Terms | undefined {
  const { max_depth } = above.stated;
  if (max_depth === undefined) return above;
  return max_depth < 1 ? undefined : { ...above, stated: { ...above.stated, max_depth: max_depth - 1 } };
}

/** The terms below a link: its own where it has them, else the inherited ones. */
export function combine(inherited: Terms, own: Terms): Terms {
  const { stated: _, ...parsed } = own;
  return { ...inherited, ...parsed, stated: { ...inherited.stated, ...own.stated } };
}

const every_path = [['**']] as const;

function permitsTool(listed: readonly string[], provider: string, name: string): boolean {
  return listed.includes(`${provider}:*`) || listed.includes(`${provider}:${name}`);
}

function coversTools(parent: Caveats['tools'], child: Caveats['tools']): boolean {
  if (parent === undefined) return true;
  return child !== undefined && child.every((tool) => {
    const [provider = '', name = ''] = tool.split(':');
    return permitsTool(parent, provider, name);
  });
}

function coversRate(parent: Caveats['rate'], child: Caveats['rate']): boolean {
  if (parent === undefined) return true;
  return child !== undefined && child[0] <= parent[0] && child[0] * parent[1] <= parent[0] * child[1];
}

/** For each caveat, whether what `child` leaves is within what `parent` leaves, and how that reads. */
const rules: readonly { readonly name: keyof Caveats; covers(parent: Terms, child: Terms): boolean; within(parent: Caveats): string }[] = [
  {
    name: 'max_depth',
    covers: ({ stated: parent }, { stated: child }) => (child.max_depth ?? chain_links_max - 1) <= (parent.max_depth ?? chain_links_max - 1),
    within: ({ max_depth }) => `max_depth of at most ${max_depth ?? chain_links_max - 1}`,
  },
  {
    name: 'trust',
    covers: ({ stated: parent }, { stated: child }) => (child.trust ?? 0) >= (parent.trust ?? 0),
    within: ({ trust }) => `trust of at least ${trust ?? 0}`,
  },
  {
    name: 'rate',
    covers: ({ stated: parent }, { stated: child }) => coversRate(parent.rate, child.rate),
    within: ({ rate }) => `at most ${rate?.[0] ?? rate_count_max} uses, and no more a second than ${rate?.join(' in ') ?? 'any'} s`,
  },
  {
    name: 'win',
    covers: (parent, child) => containsWeek(parent.week ?? whole_week, child.week ?? whole_week),
    within: ({ win }) => `windows within ${win?.map((window) => window.join(' ')).join(', ') ?? 'the week'}`,
  },
  {
    name: 'res',
    covers: (parent, child) => (child.resources ?? every_path).every((path) => (parent.resources ?? every_path).some((outer) => containsPath(outer, path))),
    within: ({ res }) => `resources within ${res?.join(', ') ?? '**'}`,
  },
  { name: 'tools', covers: ({ stated: parent }, { stated: child }) => coversTools(parent.tools, child.tools), within: ({ tools }) => `tools of ${tools?.join(', ') ?? 'any'}` },
];

/** The first caveat of a link that is looser than what it inherits, and what would not be. */
export function widenedCaveat(inherited: Terms, own: Terms): Refusal | undefined {
  const below = combine(inherited, own);
  const rule = rules.find(({ covers }) => !covers(inherited, below));
  if (rule === undefined) return undefined;
  return {
    code: 'CHAIN_WIDENED', reason: `its ${rule.name} ${JSON.stringify(own.stated[rule.name])} is looser than the link above permits`, fix: rule.within(inherited.stated),
  };
}

/** Whether a link that is not looser than what it inherits is tighter. */
export function tightens(inherited: Terms, own: Terms): boolean {
  const below = combine(inherited, own);
  return rules.some(({ covers }) => !covers(below, inherited));
}

function toolOf({ verb, path }: Capability): readonly [provider: string, name: string] | undefined {
  const [provider, name, more] = path;
  return verb !== 'tool' || provider === undefined || name === undefined || more !== undefined ? undefined : [provider, name];
}

/** Why a command, now, is not within the terms of one link, if so: `CHAIN_EXCEEDED` or `INVOCATION_WINDOW`. `opening` is when all links are open. */
export function exceeded({ stated, week, resources }: Terms, command: Capability, now_s: number, opening: () => number | undefined): Refusal | undefined {
  if (resources !== undefined && !resources.some((path) => containsPath(path, command.path))) {
    return { code: 'CHAIN_EXCEEDED', reason: `${command.path.join('/')} is not among the resources of the delegation`, fix: `a resource within ${stated.res?.join(', ') ?? ''}` };
  }
  if (stated.tools !== undefined) {
    const tool = toolOf(command);
    if (tool === undefined || !permitsTool(stated.tools, ...tool)) {
      return {
        code: 'CHAIN_EXCEEDED', reason: `${command.text} ${tool === undefined ? 'names no tool' : 'is not among the tools of the delegation'}`,
        fix: `tool:provider/name with one of ${stated.tools.join(', ')}`,
      };
    }
  }
  if (week !== undefined && !isOpen(week, now_s)) {
    const opens_s = opening();
    return {
      code: 'INVOCATION_WINDOW', reason: `it is ${isoTime(now_s)}, and the delegation holds at ${stated.win?.map((window) => window.join(' ')).join(', ') ?? ''}`,
      fix: opens_s === undefined ? 'another delegation: its windows never meet' : `the same from ${isoTime(opens_s)} on`,
    };
  }
  return undefined;
}

/** When all of these terms are open, from `now_s` on, in Unix seconds. */
export function commonOpening(terms: readonly Terms[], now_s: number): number | undefined {
  return nextOpening(terms.reduce((week, { week: own = whole_week }) => intersectWeeks(week, own), whole_week), now_s);
}
