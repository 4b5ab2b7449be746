/** The commands about policies in force, those of organisations and the files of a host: their flags and help. */
import { buildCommand, type Command } from '@stricli/core';
import type { CommonFlags } from '../ask.ts';
import type { FollowFlags, PublishFlags } from '../commands/policy-bundles.ts';
import type { Context } from '../context.ts';
import { argument, common_flags, docs, lazily, neededFlag, someText, textFlag } from '../flags.ts';

const organisation = argument('organisation', 'DID of the organisation, or its name where its key is on this host');

/** `policy publish`. */
export const publish: Command<Context> = buildCommand<PublishFlags, string[], Context>({
  loader: lazily(async () => (await import('../commands/policy-bundles.ts')).publish),
  parameters: {
    flags: {
      ...common_flags,
      as: neededFlag('organisation', 'The organisation, whose key is on this host'),
      name: textFlag('name', 'What the bundle is called (default: default); an organisation may have 16'),
      dryRun: { kind: 'boolean', default: false, withNegated: false, brief: 'Only check the files, and show what changes against the version before' },
    },
    positional: { kind: 'array', parameter: { parse: someText, placeholder: 'file', brief: 'A policy file' }, minimum: 1 },
  },
  docs: docs('Put policies in force wherever an organisation is followed', [
    'Signs the files as the next version of a bundle and spreads it: every host that follows the organisation puts it in force over its own policies, which can only narrow it. The files are the whole bundle; a file that is left out is out of force.',
    'Says first where a file allows what it did not allow in the version before, with a request that shows it. Versions only go up, and no host takes an older one. As long as this node runs it signs the bundle again in time, since a signature lives 30 days. Publish from one host only: two bundles under one version are proof against the organisation.',
  ].join('\n\n'), ['policy publish policies/*.yaml --as acme --dry-run', 'policy publish policies/privacy.yaml --as acme --name privacy', 'policy publish policies/*.yaml --as acme --json']),
});

/** `policy bundles`. */
export const bundles: Command<Context> = buildCommand<CommonFlags, [], Context>({
  loader: lazily(async () => (await import('../commands/policy-bundles.ts')).bundles),
  parameters: { flags: common_flags },
  docs: docs('Show whose policies are in force here', 'Lists the organisations that this host follows, their bundles with version and state, what was refused and why, what is known of others, and policy files that could not be read again.', ['policy bundles', 'policy bundles --json']),
});

/** `policy follow`. */
export const follow: Command<Context> = buildCommand<FollowFlags, [string], Context>({
  loader: lazily(async () => (await import('../commands/policy-bundles.ts')).follow),
  parameters: {
    flags: { ...common_flags, required: { kind: 'boolean', default: false, withNegated: false, brief: 'Allow nothing until there is a bundle of it; otherwise the policies of this host decide alone' } },
    positional: { kind: 'tuple', parameters: [organisation] },
  },
  docs: docs('Obey the policies of an organisation', 'Puts every bundle that the organisation publishes in force over the policies of this host, each organisation as a layer of its own. The organisation above who answers for this host is followed by itself. What is in force stays when it runs out, when a newer one cannot be read, and when the organisation is revoked.', ['policy follow acme', 'policy follow did:mesh:bafk… --required']),
});

/** `policy unfollow`. */
export const unfollow: Command<Context> = buildCommand<CommonFlags, [string], Context>({
  loader: lazily(async () => (await import('../commands/policy-bundles.ts')).unfollow),
  parameters: { flags: common_flags, positional: { kind: 'tuple', parameters: [organisation] } },
  docs: docs('Obey an organisation no more', 'Takes its bundles out of force at once, on record. The highest version that was taken is remembered, so that following it again brings no older one.', ['policy unfollow acme']),
});

/** `policy reload`. */
export const reload: Command<Context> = buildCommand<CommonFlags, [], Context>({
  loader: lazily(async () => (await import('../commands/policy-bundles.ts')).reload),
  parameters: { flags: common_flags },
  docs: docs('Read the policy files of this host and its agents again', [
    'Puts what has changed in force between two decisions: calls under way keep theirs. A file that cannot be used changes nothing, and the exit code is 1.',
    'A running node does so by itself when a file changes, and on SIGHUP when it does not run in a terminal.',
  ].join('\n\n'), ['policy reload', 'policy reload --json']),
});
