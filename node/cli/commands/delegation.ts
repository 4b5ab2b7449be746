/** What the commands about delegations do. */
import { access } from 'node:fs/promises';
import { fromUtf8 } from '../../../crypto/bytes.ts';
import { isFields, isStrings } from '../../../crypto/canonical.ts';
import type { Caveats } from '../../../crypto/caveats.ts';
import { fail, FailureError, ok, type Failure, type Result } from '../../../crypto/result.ts';
import type { Window } from '../../../crypto/week.ts';
import type { DelegationView } from '../../control/views.ts';
import type { ChainCheckView, ChainView, LinkView } from '../../control/delegation-views.ts';
import { ask, printLines, show, type CommonFlags, type Outcome } from '../ask.ts';
import type { Context, Style } from '../context.ts';
import { exit_codes } from '../exit.ts';
import { readInput, writeOutput } from '../input.ts';
import { details, table } from '../view/table.ts';
import { distanceTo, jsonText, moment, shortId, visible } from '../view/text.ts';

/** Flags of `delegate` and `delegation create`. */
export interface DelegateFlags extends CommonFlags {
  readonly from: string;
  readonly capability: readonly string[];
  readonly parent?: string | undefined;
  readonly lifetime?: number | undefined;
  readonly maxDepth?: number | undefined;
  readonly trust?: number | undefined;
  readonly rate?: readonly [number, number] | undefined;
  readonly window?: readonly Window[] | undefined;
  readonly resource?: readonly string[] | undefined;
  readonly tool?: readonly string[] | undefined;
}

/** Flags of `delegation inspect`. */
export interface InspectFlags extends CommonFlags {
  readonly out?: string | undefined;
}

/** Flags of `delegation verify`. */
export interface VerifyChainFlags extends CommonFlags {
  readonly command?: string | undefined;
  readonly as?: 'act' | 'delegation_chain' | undefined;
}

function printDelegation(context: Context, delegation: DelegationView): void {
  printLines(context, details([
    ['delegation', delegation.id],
    ['root', delegation.root],
    ['issuer', delegation.issuer],
    ['holder', delegation.holder],
    ['may', delegation.capabilities.join(', ')],
    ['only', caveatTexts(delegation.caveats).join('; ') || undefined],
    ['depth', String(delegation.depth)],
    ['expires', `${moment(delegation.exp * 1000)}, ${distanceTo(delegation.exp * 1000, context.now_ms())}`],
    ['delivered', delegation.delivered ? 'yes' : 'not yet: the host of the holder has not taken it'],
  ]));
}

/** `agentmesh delegate` and `agentmesh delegation create`. */
export function delegate(context: Context, flags: DelegateFlags, to: string): Promise<Outcome> {
  const caveats: Caveats = {
    ...(flags.maxDepth === undefined ? {} : { max_depth: flags.maxDepth }),
    ...(flags.trust === undefined ? {} : { trust: flags.trust }),
    ...(flags.rate === undefined ? {} : { rate: flags.rate }),
    ...(flags.window === undefined ? {} : { win: flags.window }),
    ...(flags.resource === undefined ? {} : { res: flags.resource }),
    ...(flags.tool === undefined ? {} : { tools: flags.tool }),
  };
  return show(context, flags, 'delegate', {
    from: flags.from, to, capabilities: [...flags.capability], caveats,
    ...(flags.parent === undefined ? {} : { parent: flags.parent }),
    ...(flags.lifetime === undefined ? {} : { lifetime_s: flags.lifetime }),
  }, (value) => printDelegation(context, value));
}

/** `agentmesh delegation list`. */
export function delegationList(context: Context, flags: CommonFlags): Promise<Outcome> {
  return show(context, flags, 'delegation.list', {}, (delegations) => {
    if (delegations.length === 0) return context.talk('there is no delegation here; issue one with: agentmesh delegate <to> --from <who> --capability <verb:resource>');
    const columns = [{ title: 'ID' }, { title: 'ISSUER' }, { title: 'HOLDER' }, { title: 'MAY' }, { title: 'DEPTH', right: true }, { title: 'EXPIRES' }, { title: 'STATE' }];
    const rows = delegations.map((item) => [
      item.id, shortId(item.issuer), shortId(item.holder), item.capabilities.join(', '), String(item.depth), distanceTo(item.exp * 1000, context.now_ms()), stateText(item.state),
    ]);
    printLines(context, table(columns, rows, context.width));
  });
}

const state_texts: ReadonlyMap<string, string> = new Map([
  ['holds', 'holds'], ['above', 'a link above does not hold'], ['unchecked', 'signature and revocation unchecked'],
  ['CHAIN_EXPIRED', 'expired'], ['CHAIN_NOT_YET_VALID', 'not valid yet'], ['REVOKED', 'revoked'],
]);

function stateText(state: string): string {
  return state_texts.get(state) ?? state;
}

/** Caveats in words. */
function caveatTexts({ max_depth, trust, rate, win, res, tools }: Caveats): readonly string[] {
  return [
    ...(max_depth === undefined ? [] : [max_depth === 0 ? 'no further delegation' : `at most ${max_depth} further links`]),
    ...(trust === undefined ? [] : [`trust of at least ${trust}`]),
    ...(rate === undefined ? [] : [`at most ${rate[0]} uses in ${rate[1]} s`]),
    ...(win === undefined ? [] : [`at ${win.map(([days, from, to, zone]) => `${days} ${from}-${to} ${zone}`).join(', ')}`]),
    ...(res === undefined ? [] : [`on ${res.join(', ')}`]),
    ...(tools === undefined ? [] : [`with the tools ${tools.join(', ')}`]),
  ];
}

function linkStyle(state: string): Style {
  if (state === 'holds') return 'green';
  return state === 'unchecked' || state === 'above' ? 'yellow' : 'red';
}

function linkLines(context: Context, link: LinkView, index: number, is_last: boolean): readonly string[] {
  const indent = '   '.repeat(index);
  const bar = is_last ? '   ' : '│  ';
  const facts: readonly (readonly [string, string | undefined])[] = [
    ['may', link.capabilities.join(', ')],
    ['only', caveatTexts(link.caveats).join('; ') || undefined],
    ['from', `${moment(link.nbf * 1000)} until ${moment(link.exp * 1000)}, ${distanceTo(link.exp * 1000, context.now_ms())}`],
    ['link', link.id],
    ['why', link.reason ?? undefined],
  ];
  return [
    `${indent}└─ ${visible(link.holder)}  ${context.paint(linkStyle(link.state), visible(stateText(link.state)))}`,
    ...details(facts).map((line) => `${indent}   ${bar}${line}`),
  ];
}

function printChain(context: Context, chain: ChainView): void {
  context.print(`${visible(chain.root)}  ${context.paint('dim', 'the root: its authority is delegated')}`);
  for (const [index, link] of chain.links.entries()) printLines(context, linkLines(context, link, index, index === chain.links.length - 1));
}

/** The tokens in a text: a JSON list, what `--json` prints of a chain, or one token a line. */
function tokensIn(text: string): Result<readonly string[]> {
  const trimmed = text.trim();
  if (!/^[[{]/.test(trimmed)) return ok(trimmed.split(/\s+/));
  try {
    const parsed: unknown = JSON.parse(trimmed);
    const tokens: unknown = isFields(parsed) ? parsed['chain'] : parsed;
    if (isStrings(tokens)) return ok(tokens);
  } catch {
    // Said below in words that name what is expected.
  }
  return fail('USAGE_INVALID', 'this is no chain of delegations', { fix: 'give a JSON list of tokens, root first, or one token a line' });
}

async function isFile(path: string): Promise<boolean> {
  return access(path).then(() => true, () => false);
}

/** What a target means: a token, `-`, a file with a chain, or else the id of a delegation that the node keeps. */
async function targetOf(target: string): Promise<Result<{ readonly id: string } | { readonly chain: string[] }>> {
  if (target.split('.').length === 3 && !target.includes('/') && target.length > 200) return ok({ chain: [target] });
  if (target !== '-' && !(await isFile(target))) return ok({ id: target });
  const bytes = await readInput(target);
  if (!bytes.ok) return bytes;
  const tokens = tokensIn(fromUtf8(bytes.value) ?? '');
  return tokens.ok ? ok({ chain: [...tokens.value] }) : tokens;
}

/** Why nothing is known of a target; of one that is no file, that too. */
function unknown(failure: Failure, target: string, given: object): FailureError {
  const { code, reason, fix } = failure;
  if (!('id' in given) || (code !== 'NODE_NOT_RUNNING' && code !== 'DELEGATION_UNKNOWN')) return new FailureError(failure);
  return new FailureError({
    code, reason: `${target.slice(0, 200)} is no file, and ${reason}${code === 'NODE_NOT_RUNNING' ? ' that could know a delegation of this id' : ''}`,
    fix: `give a file with the tokens of the chain, or the id of a delegation that the node keeps${fix === undefined ? '' : `: ${fix}`}`,
  });
}

/** The chain as its tokens say, with nothing checked that needs a node. */
async function unchecked(tokens: readonly string[]): Promise<Result<ChainView>> {
  const [{ parseChain }, { chainView, linkView }] = await Promise.all([import('../../../crypto/chain.ts'), import('../../control/delegation-methods.ts')]);
  const links = parseChain(tokens);
  return links.ok ? ok(chainView(links.value, links.value.map((link) => linkView(link, 'unchecked', null)))) : links;
}

/** `agentmesh delegation inspect`: with a running node each link is judged, without one a chain is still drawn. */
export async function inspect(context: Context, flags: InspectFlags, target: string): Promise<Outcome> {
  const given = await targetOf(target);
  if (!given.ok) return new FailureError(given.failure);
  let answer = await ask(context, flags, 'delegation.inspect', given.value);
  if (!answer.ok && answer.failure.code === 'NODE_NOT_RUNNING' && 'chain' in given.value) {
    context.talk('no node runs here: signatures, records and revocations are not checked');
    answer = await unchecked(given.value.chain);
  }
  if (!answer.ok) return unknown(answer.failure, target, given.value);
  if (flags.out !== undefined) {
    const written = await writeOutput(flags.out, `${jsonText(answer.value.chain)}\n`);
    if (!written.ok) return new FailureError(written.failure);
  }
  if (flags.json) context.printJson(answer.value);
  else printChain(context, answer.value);
}

const step_styles = { 'ok': 'green', 'in part': 'yellow', 'failed': 'red', 'unreached': 'dim', 'unasked': 'dim' } as const;
const step_texts = { 'ok': 'ok', 'in part': 'in part', 'failed': 'failed', 'unreached': 'not reached', 'unasked': 'not asked' } as const;

function placeText(link: ChainCheckView['link']): string {
  return link === null ? '' : link === 'invocation' ? ' for the command' : ` at link ${link}`;
}

function printCheck(context: Context, check: ChainCheckView): void {
  for (const { step, name, state, text: more } of check.steps) {
    const text = state === 'failed' ? `failed${placeText(check.link)}` : step_texts[state] ?? state;
    context.print(`${String(step).padStart(2)}  ${visible(name)}: ${context.paint(step_styles[state] ?? 'dim', text)}${more === null ? '' : `: ${visible(more)}`}`);
  }
  context.print();
  if (check.holds) return context.print(context.paint('green', 'the chain holds; trust, rates and newness are for the executor to say'));
  context.print(context.paint('red', `the chain does not hold: ${visible(check.code ?? '')}`));
  printLines(context, details([['why', check.reason ?? undefined], ['what would pass', check.fix ?? undefined]]));
}

/** `agentmesh delegation verify`: exit code 4 when the chain does not hold. */
export async function verifyChain(context: Context, flags: VerifyChainFlags, target: string): Promise<Outcome> {
  const given = await targetOf(target);
  if (!given.ok) return new FailureError(given.failure);
  const answer = await ask(context, flags, 'delegation.verify', { ...given.value, ...(flags.command === undefined ? {} : { command: flags.command }) });
  if (!answer.ok) return unknown(answer.failure, target, given.value);
  const { holds, views, code, reason, fix } = answer.value;
  if (flags.as !== undefined) {
    if (views !== null) context.printJson(views[flags.as]);
    else for (const line of [`error ${code ?? 'CHAIN_INVALID'}: ${reason ?? 'the chain does not hold'}`, ...(fix === null ? [] : [`fix: ${fix}`])]) context.talk(visible(line));
  } else if (flags.json) context.printJson(answer.value);
  else printCheck(context, answer.value);
  if (!holds) context.process.exitCode = exit_codes.denied;
}
