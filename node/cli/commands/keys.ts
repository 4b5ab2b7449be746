/** What the commands about the keys of a data folder do: in this process, while no node runs on the folder. */
import { fail, FailureError, ok, type Result } from '../../../crypto/result.ts';
import { checkNewFile } from '../../../storage/files.ts';
import { changePassphrase, exportIdentity, importIdentity, listKeys, type KeyFolder, type MovedIdentity } from '../../keys.ts';
import { dataFolder, printLines, type CommonFlags, type Outcome } from '../ask.ts';
import type { Context } from '../context.ts';
import { readInput } from '../input.ts';
import { folderPassphrase, passphraseFrom } from '../passphrase.ts';
import { details, table } from '../view/table.ts';
import { count, shellWord } from '../view/text.ts';

/** Flags of `keys list`. */
export interface KeysFlags extends CommonFlags {
  readonly passphraseFile?: string | undefined;
}

/** Flags of `keys passphrase`. */
export interface KeysPassphraseFlags extends KeysFlags {
  readonly newPassphraseFile?: string | undefined;
  readonly remove: boolean;
}

/** Flags of `keys import`. */
export interface KeysImportFlags extends CommonFlags {
  readonly passphraseFile?: string | undefined;
  readonly folderPassphraseFile?: string | undefined;
}

/** Flags of `keys export`. */
export interface KeysExportFlags extends KeysImportFlags {
  readonly out: string;
}

function folderOf(context: Context, flags: CommonFlags, passphrase_file: string | undefined): Result<KeyFolder> {
  const passphrase = folderPassphrase(passphrase_file, context.process.env);
  // From here on, no child process and no dump of the environment shows it.
  delete process.env['AGENTMESH_PASSPHRASE'];
  return passphrase.ok ? ok({ data: dataFolder(flags.data, context.process.env), passphrase: passphrase.value }) : passphrase;
}

/** `agentmesh keys list`. */
export async function keysList(context: Context, flags: KeysFlags): Promise<Outcome> {
  const folder = folderOf(context, flags, flags.passphraseFile);
  const listed = folder.ok ? await listKeys(folder.value) : folder;
  if (!listed.ok) return new FailureError(listed.failure);
  const { keys, owners_known } = listed.value;
  if (flags.json) return context.printJson(listed.value);
  printLines(context, table([{ title: 'KEY' }, { title: 'FINGERPRINT' }, { title: 'OF' }], keys.map(({ name, fingerprint, owner }) => [name, fingerprint, owner ?? '']), context.width));
  if (!owners_known) context.talk('whose they are is known to the running node only\nfix: agentmesh did list --json names the keys in use of each identity; or stop the node first');
  context.talk(listed.value.protected ? 'sealed with a passphrase' : 'not protected by a passphrase: who can read the data folder can act as this host\nfix: agentmesh keys passphrase --new-passphrase-file FILE');
}

function newPassphrase(flags: KeysPassphraseFlags): Result<string | undefined> {
  if (flags.remove === (flags.newPassphraseFile !== undefined)) {
    return fail('USAGE_INVALID', 'say either what the new passphrase is, or that there is to be none', { fix: '--new-passphrase-file FILE, or --remove' });
  }
  return flags.newPassphraseFile === undefined ? ok(undefined) : passphraseFrom(flags.newPassphraseFile);
}

/** `agentmesh keys passphrase`. */
export async function keysPassphrase(context: Context, flags: KeysPassphraseFlags): Promise<Outcome> {
  const next = newPassphrase(flags);
  if (!next.ok) return new FailureError(next.failure);
  const folder = folderOf(context, flags, flags.passphraseFile);
  const changed = folder.ok ? await changePassphrase(folder.value, next.value) : folder;
  if (!changed.ok) return new FailureError(changed.failure);
  if (flags.json) return context.printJson({ protected: next.value !== undefined });
  context.print(next.value === undefined ? 'the keys are no longer sealed: permissions alone protect them' : 'the keys are sealed with the new passphrase');
  if (next.value !== undefined) context.talk('copies of the old file, as in backups, still open with the old one');
}

function bundlePassphrase(flags: KeysImportFlags): Result<string> {
  return flags.passphraseFile === undefined
    ? fail('PASSPHRASE_NEEDED', 'keys leave and enter a folder only sealed with a passphrase', { fix: 'give --passphrase-file FILE' })
    : passphraseFrom(flags.passphraseFile);
}

function printMoved(context: Context, verb: string, moved: MovedIdentity): void {
  context.print(`${verb} ${moved.kind}`);
  printLines(context, details([['name', moved.name], ['did', moved.did], ['keys', String(moved.keys)], ['handler', moved.handler ?? undefined], ['policy', moved.policy ?? undefined]]));
}

/** `agentmesh keys export`. */
export async function keysExport(context: Context, flags: KeysExportFlags, who: string): Promise<Outcome> {
  const passphrase = bundlePassphrase(flags);
  if (!passphrase.ok) return new FailureError(passphrase.failure);
  const free = await checkNewFile(flags.out);
  if (!free.ok) return new FailureError(free.failure);
  const folder = folderOf(context, flags, flags.folderPassphraseFile);
  const moved = folder.ok ? await exportIdentity(folder.value, who, flags.out, passphrase.value) : folder;
  if (!moved.ok) return new FailureError(moved.failure);
  if (flags.json) return context.printJson({ ...moved.value, file: flags.out });
  printMoved(context, `wrote ${flags.out}, sealed, with the keys of this`, moved.value);
  context.talk(`in the other data folder: agentmesh keys import ${shellWord(flags.out)} --passphrase-file FILE`);
  context.talk('use it in one folder only: two that publish under one DID contradict each other');
}

/** `agentmesh keys import`. */
export async function keysImport(context: Context, flags: KeysImportFlags, file: string): Promise<Outcome> {
  const passphrase = bundlePassphrase(flags);
  if (!passphrase.ok) return new FailureError(passphrase.failure);
  const bytes = await readInput(file);
  if (!bytes.ok) return new FailureError(bytes.failure);
  const folder = folderOf(context, flags, flags.folderPassphraseFile);
  const moved = folder.ok ? await importIdentity(folder.value, bytes.value, passphrase.value) : folder;
  if (!moved.ok) return new FailureError(moved.failure);
  if (flags.json) return context.printJson(moved.value);
  printMoved(context, `imported, with ${count(moved.value.keys, 'key')}, this`, moved.value);
  if (moved.value.handler !== null) context.talk(`the next start runs the handler at that path on this host: look that ${shellWord(moved.value.handler)} is what you expect`);
  context.talk('it is published when the node of this folder starts; do not use it in the other folder any more');
}
