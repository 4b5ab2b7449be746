/** What `agentmesh policy publish`, `bundles`, `follow`, `unfollow` and `reload` do. */
import { basename } from 'node:path';
import { fail, FailureError, ok, type Result } from '../../../crypto/result.ts';
import type { BundleView, ForeignBundleView, OrganisationView, PolicyControlApi, RefusalView, ReloadView } from '../../control/policy-api.ts';
import { narrows, type Narrowing } from '../../kernel/policy/analysis/compare.ts';
import { loadPolicy } from '../../kernel/policy/load.ts';
import type { CompiledPolicy } from '../../kernel/policy/policy.ts';
import { ask, printLines, show, type CommonFlags, type Outcome } from '../ask.ts';
import type { Context } from '../context.ts';
import { readText } from '../input.ts';
import { exit_codes } from '../exit.ts';
import { details, table } from '../view/table.ts';
import { count, distanceTo, shellWord, shortId, visible } from '../view/text.ts';

/** Flags of `policy publish`. */
export interface PublishFlags extends CommonFlags {
  readonly as: string;
  readonly name?: string | undefined;
  readonly dryRun: boolean;
}

/** Flags of `policy follow`. */
export interface FollowFlags extends CommonFlags {
  readonly required: boolean;
}

interface PolicyText {
  readonly file: string;
  readonly text: string;
  readonly policy: CompiledPolicy;
}

/** How a bundle differs from the version before. */
interface Change {
  /** Files of which it is not proven that they allow no more than before. */
  readonly widened: readonly { readonly file: string; readonly narrowing: Narrowing }[];
  readonly added: readonly string[];
  readonly removed: readonly string[];
}

async function readFiles(paths: readonly string[]): Promise<Result<readonly PolicyText[]>> {
  const read: PolicyText[] = [];
  for (const path of paths) {
    const text = await readText(path);
    if (!text.ok) return text;
    const policy = await loadPolicy(text.value, path);
    if (!policy.ok) return policy;
    const file = basename(path);
    if (read.some((other) => other.file === file)) return fail('BUNDLE_MALFORMED', `two files are called ${file}`, { fix: 'give each file another name' });
    read.push({ file, text: text.value, policy: policy.value });
  }
  return ok(read);
}

async function changeOf(last: PolicyControlApi['policy.bundle']['value'], next: readonly PolicyText[]): Promise<Change> {
  const widened: { readonly file: string; readonly narrowing: Narrowing }[] = [];
  for (const { file, policy } of next) {
    const before = last.policies.find((each) => each.file === file);
    const old = before === undefined ? undefined : await loadPolicy(before.text, file);
    const narrowing = old?.ok === true ? narrows(policy, old.value) : undefined;
    if (narrowing !== undefined && narrowing.answer !== 'narrows') widened.push({ file, narrowing });
  }
  return {
    widened,
    added: next.filter(({ file }) => !last.policies.some((each) => each.file === file)).map(({ file }) => file),
    removed: last.policies.filter(({ file }) => !next.some((each) => each.file === file)).map(({ file }) => file),
  };
}

function printChange(context: Context, { widened, added, removed }: Change, version: number): void {
  const warn = (text: string): void => context.print(`${context.paint('yellow', 'warning')}: ${visible(text)}`);
  for (const { file, narrowing: { answer, widenings } } of widened) {
    if (answer === 'unknown') warn(`${file}: whether it allows more than version ${version} could not be decided`);
    else warn(`${file} allows what version ${version} does not`);
    for (const { request, old, new: next } of widenings) context.print(`  ${visible(`${old.effect} → ${next.effect}  ${JSON.stringify(request)}`)}`);
  }
  for (const file of added) warn(`${file} is new: what it allows counts for the whole bundle`);
  for (const file of removed) warn(`${file} of version ${version} is gone, and what it denied is denied no more`);
}

function printWarnings(context: Context, warnings: readonly RefusalView[]): void {
  for (const { code, reason, fix } of warnings) {
    context.print(`${context.paint('yellow', 'warning')} ${code}: ${visible(reason)}`);
    if (fix !== null) context.print(`fix: ${visible(fix)}`);
  }
}

/** `agentmesh policy publish`. */
export async function publish(context: Context, flags: PublishFlags, ...paths: string[]): Promise<Outcome> {
  const files = await readFiles(paths);
  if (!files.ok) return new FailureError(files.failure);
  const named = flags.name === undefined ? {} : { name: flags.name };
  const last = await ask(context, flags, 'policy.bundle', { organisation: flags.as, ...named });
  if (!last.ok && last.failure.code !== 'BUNDLE_UNKNOWN') return new FailureError(last.failure);
  const change = last.ok ? await changeOf(last.value, files.value) : undefined;
  if (change !== undefined && last.ok && !flags.json) printChange(context, change, last.value.version);
  const published = await ask(context, flags, 'policy.publish', { as: flags.as, ...named, files: files.value.map(({ file }) => file), texts: files.value.map(({ text }) => text), ...(flags.dryRun ? { dry_run: true } : {}) });
  if (!published.ok) return new FailureError(published.failure);
  const { organisation, name, version, digest, bytes, unchanged, warnings } = published.value;
  if (!flags.json) printWarnings(context, warnings);
  if (flags.dryRun) {
    const summary = { ...published.value, after: last.ok ? last.value.version : 0, policies: files.value.map(({ file, policy: { name, digest, rules } }) => ({ file, name, digest, rules: rules.length })), change: change ?? null };
    if (flags.json) return context.printJson(summary);
    return context.print(unchanged ? `unchanged: they are version ${version} already` : `${count(files.value.length, 'policy', 'policies')} would be published as version ${version} of ${visible(name)}`);
  }
  if (flags.json) return context.printJson({ ...published.value, change: change ?? null });
  context.print(unchanged ? 'unchanged: they were published before' : 'published');
  printLines(context, details([['organisation', organisation], ['bundle', name], ['version', String(version)], ['digest', digest], ['bytes', String(bytes)]]));
  context.talk(`hosts obey it that follow the organisation: agentmesh policy follow ${shellWord(organisation)}`);
}

function bundleRow(organisation: OrganisationView, bundle: BundleView, now_ms: number): readonly string[] {
  const { name, version, state, expires_ms, policies } = bundle;
  return [organisation.name ?? shortId(organisation.did), name, version === null ? '-' : String(version), state, expires_ms === null ? '-' : distanceTo(expires_ms, now_ms), policies.map((policy) => policy.name).join(', ')];
}

function printOrganisation(context: Context, organisation: OrganisationView): void {
  const { did, name, follows, by, required, barred, bundles } = organisation;
  const how = follows ? by === 'sponsorship' ? 'followed: it stands above who answers for this host' : 'followed by name' : 'followed no more';
  printLines(context, details([['organisation', `${name ?? '-'}  ${did}`], ['state', `${how}${required ? ', nothing is allowed without a bundle of it' : ''}`]]));
  if (barred !== null) context.print(context.paint('yellow', visible(barred.reason)));
  if (bundles.length === 0) context.print(required && follows ? 'no bundle yet: nothing is allowed' : 'no bundle yet: the policies of this host decide alone');
  for (const { name: bundle, refused } of bundles) {
    if (refused === null) continue;
    context.print(context.paint('yellow', visible(`${bundle}: version ${refused.version} is not in force: ${refused.code}: ${refused.reason}`)));
    if (refused.fix !== null) context.print(`fix: ${visible(refused.fix)}`);
  }
}

function printForeign(context: Context, foreign: readonly ForeignBundleView[]): void {
  if (foreign.length === 0) return;
  context.print();
  context.print('known and not obeyed (BUNDLE_FOREIGN):');
  printLines(context, table([{ title: 'ORGANISATION' }, { title: 'BUNDLE' }, { title: 'VERSION', right: true }], foreign.map(({ did, organisation_name, name, version }) => [organisation_name === null ? did : `${organisation_name}  ${did}`, name, String(version)]), context.width));
}

/** `agentmesh policy bundles`. */
export function bundles(context: Context, flags: CommonFlags): Promise<Outcome> {
  return show(context, flags, 'policy.bundles', {}, ({ organisations, foreign, files }) => {
    if (organisations.length === 0) context.talk('this host follows no organisation; agentmesh policy follow ORGANISATION');
    const rows = organisations.flatMap((organisation) => organisation.bundles.map((bundle) => bundleRow(organisation, bundle, context.now_ms())));
    if (rows.length > 0) printLines(context, table([{ title: 'ORGANISATION' }, { title: 'BUNDLE' }, { title: 'VERSION', right: true }, { title: 'STATE' }, { title: 'ENDS' }, { title: 'POLICIES' }], rows, context.width));
    for (const organisation of organisations) {
      context.print();
      printOrganisation(context, organisation);
    }
    printForeign(context, foreign);
    if (files.length > 0) context.print();
    printReloaded(context, files);
  });
}

/** `agentmesh policy follow`. */
export function follow(context: Context, flags: FollowFlags, organisation: string): Promise<Outcome> {
  return show(context, flags, 'policy.follow', { organisation, ...(flags.required ? { required: true } : {}) }, (value) => {
    printOrganisation(context, value);
    if (value.bundles.length === 0) context.talk('one that peers have is fetched as soon as they are connected; to see when it is in force: agentmesh policy bundles');
  });
}

/** `agentmesh policy unfollow`. */
export function unfollow(context: Context, flags: CommonFlags, organisation: string): Promise<Outcome> {
  return show(context, flags, 'policy.unfollow', { organisation }, (value) => {
    printOrganisation(context, value);
    context.talk('its policies are out of force, which is on record');
  });
}

function printReloaded(context: Context, reloaded: readonly ReloadView[]): void {
  for (const { file, agent_name, state, refused } of reloaded) {
    const whose = agent_name === null ? 'this host' : agent_name;
    const shown = state === 'refused' ? context.paint('red', state) : state;
    context.print(`${shown}  ${visible(whose)}  ${visible(file)}`);
    if (refused === null) continue;
    context.print(`  ${visible(refused.reason)}: what was in force stays`);
    if (refused.fix !== null) context.print(`  fix: ${visible(refused.fix)}`);
  }
}

/** `agentmesh policy reload`. */
export function reload(context: Context, flags: CommonFlags): Promise<Outcome> {
  return show(context, flags, 'policy.reload', {}, (value) => {
    if (value.length === 0) context.talk('no policy file is in use: agentmesh up --policy FILE, agentmesh agent create NAME --policy FILE');
    printReloaded(context, value);
    if (value.some(({ state }) => state === 'refused')) context.process.exitCode = exit_codes.failed;
  });
}
