/** What the commands about sponsors do. */
import { toBase64url } from '../../../crypto/bytes.ts';
import { FailureError, ok, type Result } from '../../../crypto/result.ts';
import { checkNewFile, writeNewFile } from '../../../storage/files.ts';
import type { AccountabilityLevel, AccountabilityView, SponsorRequestView, SponsorshipView, SponsorView } from '../../control/sponsor-api.ts';
import { ask, dataFolder, printLines, show, type CommonFlags, type Outcome } from '../ask.ts';
import type { Context } from '../context.ts';
import { exit_codes } from '../exit.ts';
import { hashInput, readText } from '../input.ts';
import { folderPassphrase } from '../passphrase.ts';
import { details, table } from '../view/table.ts';
import { distanceTo, duration, moment, shellWord, shortId, visible } from '../view/text.ts';

/** Flags of `sponsor create`. */
export interface SponsorCreateFlags extends CommonFlags {
  readonly kind: 'human' | 'org';
  readonly organisation?: string | undefined;
  readonly witness?: readonly string[] | undefined;
  readonly witnessThreshold?: number | undefined;
}

/** Flags of `sponsor request`. */
export interface SponsorRequestFlags extends CommonFlags {
  readonly out: string;
  readonly role?: string | undefined;
  readonly lifetime?: number | undefined;
}

/** Flags of `sponsor renew`. */
export interface SponsorRenewFlags extends Omit<SponsorRequestFlags, 'out'> {
  readonly evidence?: string | undefined;
}

/** Flags of `sponsor host`. */
export interface SponsorHostFlags extends CommonFlags {
  readonly lifetime?: number | undefined;
}

/** Flags of `sponsor withdraw`. */
export interface SponsorWithdrawFlags extends CommonFlags {
  readonly why: string;
}

/** Flags of `sponsor sign`. */
export interface SponsorSignFlags extends CommonFlags {
  readonly as: string;
  readonly out?: string | undefined;
  readonly evidence?: string | undefined;
  readonly passphraseFile?: string | undefined;
}

function until(seconds: number | null, now_ms: number): string | undefined {
  return seconds === null ? undefined : `${moment(seconds * 1000)}, ${distanceTo(seconds * 1000, now_ms)}`;
}

function printSponsor(context: Context, sponsor: SponsorView): void {
  const { name, did, kind, organisation, attested_until } = sponsor;
  printLines(context, details([['sponsor', name], ['did', did], ['kind', kind], ['organisation', organisation ?? undefined], ['attested to', until(attested_until, context.now_ms())]]));
  if (organisation !== null && attested_until === null) printUnattested(context, name);
}

/** Says how an identity is attested whose sponsor's key is elsewhere. */
export function printUnattested(context: Context, name: string): void {
  context.talk(`${visible(name)} can do nothing until its sponsor, whose key is elsewhere, has signed:`);
  context.talk(`  here:            agentmesh sponsor request ${shellWord(name)} --out request.json`);
  context.talk('  at the sponsor:  agentmesh sponsor sign request.json --as SPONSOR --out response.json');
  context.talk('  here:            agentmesh sponsor import response.json');
}

/** `agentmesh sponsor create`. */
export function sponsorCreate(context: Context, flags: SponsorCreateFlags, name: string): Promise<Outcome> {
  const { kind, organisation, witness, witnessThreshold } = flags;
  return show(context, flags, 'sponsor.create', {
    name, kind,
    ...(organisation === undefined ? {} : { organisation }),
    ...(witness === undefined ? {} : { witnesses: [...witness] }),
    ...(witnessThreshold === undefined ? {} : { witness_threshold: witnessThreshold }),
  }, (value) => printSponsor(context, value));
}

/** `agentmesh sponsor list`. */
export function sponsorList(context: Context, flags: CommonFlags): Promise<Outcome> {
  return show(context, flags, 'sponsor.list', {}, (sponsors) => {
    if (sponsors.length === 0) return context.talk('there is no sponsor yet; create one with: agentmesh sponsor create <name>');
    const rows = sponsors.map(({ name, kind, deactivated, did, organisation }) => [name, kind, deactivated ? 'deactivated' : 'active', shortId(did), organisation === null ? '' : shortId(organisation)]);
    printLines(context, table([{ title: 'NAME' }, { title: 'KIND' }, { title: 'STATE' }, { title: 'DID' }, { title: 'ORGANISATION' }], rows, context.width));
  });
}

function printSponsorship(context: Context, sponsorship: SponsorshipView): void {
  const { name, agent, sponsor, role, evidence } = sponsorship;
  context.print(context.paint('green', 'attested'));
  printLines(context, details([['name', name], ['did', agent], ['sponsor', sponsor], ['role', role], ['until', until(sponsorship.until, context.now_ms())], ['evidence', evidence ?? undefined]]));
}

function termsOf({ role, lifetime }: Pick<SponsorRequestFlags, 'role' | 'lifetime'>): { role?: string; lifetime_s?: number } {
  return { ...(role === undefined ? {} : { role }), ...(lifetime === undefined ? {} : { lifetime_s: lifetime }) };
}

/** The hash of a document that stays where it is. */
async function evidenceOf(path: string | undefined): Promise<Result<{ evidence?: string }>> {
  if (path === undefined) return ok({});
  const hash = await hashInput(path);
  return hash.ok ? ok({ evidence: toBase64url(hash.value) }) : hash;
}

/** `agentmesh sponsor renew`. */
export async function sponsorRenew(context: Context, flags: SponsorRenewFlags, agent: string): Promise<Outcome> {
  const evidence = await evidenceOf(flags.evidence);
  if (!evidence.ok) return new FailureError(evidence.failure);
  return show(context, flags, 'sponsor.renew', { agent, ...termsOf(flags), ...evidence.value }, (value) => printSponsorship(context, value));
}

/** `agentmesh sponsor host`. */
export function sponsorHost(context: Context, flags: SponsorHostFlags, sponsor: string): Promise<Outcome> {
  return show(context, flags, 'sponsor.host', { sponsor, ...(flags.lifetime === undefined ? {} : { lifetime_s: flags.lifetime }) }, (value) => printSponsorship(context, value));
}

/** `agentmesh sponsor withdraw`. */
export function sponsorWithdraw(context: Context, flags: SponsorWithdrawFlags, agent: string): Promise<Outcome> {
  return show(context, flags, 'sponsor.withdraw', { agent, why: flags.why }, (value) => {
    context.print(`withdrawn: statement ${visible(value.statement)}`);
    printLines(context, details([['agent', value.agent], ['sponsor', value.sponsor]]));
    context.talk('it is final: the agent stops on its host as soon as that hears of it, and every chain through it ends');
  });
}

function levelLines(context: Context, level: AccountabilityLevel): readonly string[] {
  const { did, name, kind, sponsor, role, code, reason, fix } = level;
  const state = code === null ? context.paint('green', sponsor === null ? 'answers for itself' : 'answered for') : `${context.paint('red', 'nobody answers')}: ${visible(code)}: ${visible(reason ?? '')}`;
  return [
    `${context.paint('bold', visible(name === '' ? 'no public name' : name))}  ${kind}  ${state}`,
    ...details([['  did', did], ['  sponsor', sponsor ?? undefined], ['  role', role ?? undefined], ['  until', until(level.until, context.now_ms())], ['  evidence', level.evidence ?? undefined], ['  fix', fix ?? undefined]]),
  ];
}

function printAccountability(context: Context, { levels }: AccountabilityView): void {
  printLines(context, levels.flatMap((level) => levelLines(context, level)));
}

/** `agentmesh sponsor show`. */
export async function sponsorShow(context: Context, flags: CommonFlags, who: string): Promise<Outcome> {
  const answer = await ask(context, flags, 'sponsor.show', { who });
  if (!answer.ok) return new FailureError(answer.failure);
  if (flags.json) context.printJson(answer.value);
  else printAccountability(context, answer.value);
  if (!answer.value.answered) context.process.exitCode = exit_codes.denied;
}

function requestLines(request: SponsorRequestView): readonly string[] {
  const { name, agent, kind, capabilities, sponsor, role, lifetime_s } = request;
  return details([
    ['name', name], ['did', agent], ['kind', kind], ['may', capabilities.length === 0 ? 'nothing of its own' : capabilities.join(', ')],
    ['sponsor', sponsor], ['role', role], ['for', duration(lifetime_s * 1000)],
  ]);
}

/** `agentmesh sponsor request`. */
export async function sponsorRequest(context: Context, flags: SponsorRequestFlags, agent: string): Promise<Outcome> {
  // Before: the newest request is the one that can be answered, even where it was never written.
  const free = await checkNewFile(flags.out);
  if (!free.ok) return new FailureError(free.failure);
  const answer = await ask(context, flags, 'sponsor.request', { agent, ...termsOf(flags) });
  if (!answer.ok) return new FailureError(answer.failure);
  const { file, ...request } = answer.value;
  const written = await writeNewFile(flags.out, file);
  if (!written.ok) return new FailureError(written.failure);
  if (flags.json) return context.printJson({ ...request, file: flags.out });
  context.print(`wrote ${visible(flags.out)}, which asks:`);
  printLines(context, requestLines(request));
  context.talk(`on the sponsor's device: agentmesh sponsor sign ${shellWord(flags.out)} --as SPONSOR --out response.json`);
}

function textOf(path: string): Promise<Result<string>> {
  return readText(path, 'name the file that agentmesh sponsor request or sign has written');
}

/** What a request asks, and with `out` the signed response: by the running node, or by this process where none runs. */
async function signed(context: Context, flags: SponsorSignFlags, file: string): Promise<Result<SponsorRequestView & { readonly file?: string }>> {
  const evidence = await evidenceOf(flags.evidence);
  if (!evidence.ok) return evidence;
  const answer = flags.out === undefined ? await ask(context, flags, 'sponsor.read', { file }) : await ask(context, flags, 'sponsor.sign', { file, as: flags.as, ...evidence.value });
  if (answer.ok || answer.failure.code !== 'NODE_NOT_RUNNING') return answer;
  const passphrase = folderPassphrase(flags.passphraseFile, context.process.env);
  if (!passphrase.ok) return passphrase;
  const { signOffline } = await import('../../sponsor-offline.ts');
  return signOffline({ data: dataFolder(flags.data, context.process.env), passphrase: passphrase.value }, file, { as: flags.as, only_read: flags.out === undefined, ...evidence.value });
}

/** `agentmesh sponsor sign`. */
export async function sponsorSign(context: Context, flags: SponsorSignFlags, path: string): Promise<Outcome> {
  const free = flags.out === undefined ? ok(undefined) : await checkNewFile(flags.out);
  if (!free.ok) return new FailureError(free.failure);
  const file = await textOf(path);
  if (!file.ok) return new FailureError(file.failure);
  const answer = await signed(context, flags, file.value);
  if (!answer.ok) return new FailureError(answer.failure);
  const { file: response, ...request } = answer.value;
  if (flags.out !== undefined && response !== undefined) {
    const written = await writeNewFile(flags.out, response);
    if (!written.ok) return new FailureError(written.failure);
  }
  if (flags.json) return context.printJson({ ...request, ...(flags.out === undefined ? {} : { file: flags.out }) });
  context.print(flags.out === undefined ? 'to be signed, that the sponsor answers for:' : `signed, in ${visible(flags.out)}, that the sponsor answers for:`);
  printLines(context, requestLines(request));
  context.talk(flags.out === undefined
    ? `to sign it: agentmesh sponsor sign ${shellWord(path)} --as ${shellWord(flags.as)} --out response.json`
    : `on the agent's host: agentmesh sponsor import ${shellWord(flags.out)}`);
}

/** `agentmesh sponsor import`. */
export async function sponsorImport(context: Context, flags: CommonFlags, path: string): Promise<Outcome> {
  const file = await textOf(path);
  if (!file.ok) return new FailureError(file.failure);
  return show(context, flags, 'sponsor.import', { file: file.value }, (value) => printSponsorship(context, value));
}
