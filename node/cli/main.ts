/** The command line: from the arguments to one command, its output and its exit code. */
import { ArgumentScannerError, buildApplication, buildRouteMap, formatMessageForArgumentScannerError, run, text_en, type Application, type ApplicationText, type StricliProcess } from '@stricli/core';
import { FailureError, messageOf } from '../../crypto/result.ts';
import { createContext, type CliProcess, type Context, type Screen } from './context.ts';
import { exit_codes, exitCodeOf } from './exit.ts';
import { approvals_routes } from './routes/approvals.ts';
import { audit_routes, help_routes } from './routes/audit.ts';
import { authority_routes, trust_routes } from './routes/authority.ts';
import { delegate_route, delegation_routes } from './routes/delegation.ts';
import { host_routes } from './routes/host.ts';
import { ucan_routes } from './routes/interop.ts';
import { keys_routes } from './routes/keys.ts';
import { did_routes } from './routes/did.ts';
import { policy_routes } from './routes/policy.ts';
import { agent_routes } from './routes/identity.ts';
import { sidecar_routes } from './routes/sidecar.ts';
import { signal_route } from './routes/signal.ts';
import { sponsor_routes } from './routes/sponsor.ts';
import { revocation_routes } from './routes/revocation.ts';
import { run_route } from './routes/run.ts';
import { tools_routes } from './routes/tools.ts';
import { vfs_routes } from './routes/vfs.ts';
import { visible } from './view/text.ts';

const description = `A peer-to-peer node that governs AI agents on each host and lets them trust,
delegate and be held to account across hosts, with no server.

EXAMPLES
  agentmesh up                                      start a node on this host
  agentmesh sponsor create alice@company.com        a human who answers for agents
  agentmesh agent create analyst --sponsor alice@company.com --capability read:reports
  agentmesh peers                                   who is connected
  agentmesh doctor                                  what is wrong, and what mends it

  agentmesh <command> --help                        flags and examples of a command
  agentmesh help environment | exit-codes           more help`;

function errorLine(code: string, reason: string): string {
  return `error ${visible(code)}: ${visible(reason)}`;
}

function failureText(error: Error): string {
  if (!(error instanceof FailureError)) return errorLine('CLI_FAULT', messageOf(error));
  const { code, reason, fix } = error.failure;
  return fix === undefined ? errorLine(code, reason) : `${errorLine(code, reason)}\nfix: ${visible(fix)}`;
}

const text: ApplicationText = {
  ...text_en,
  noCommandRegisteredForInput: ({ input, corrections }) => errorLine(
    'USAGE_INVALID',
    `there is no command ${input}${corrections.length > 0 ? `, did you mean ${corrections.join(' or ')}?` : ''}`,
  ),
  exceptionWhileParsingArguments: (error) => errorLine('USAGE_INVALID', error instanceof ArgumentScannerError ? formatMessageForArgumentScannerError(error, {}) : messageOf(error)),
  exceptionWhileLoadingCommandFunction: (error) => errorLine('CLI_FAULT', messageOf(error)),
  exceptionWhileRunningCommand: (error) => errorLine('CLI_FAULT', messageOf(error)),
  commandErrorResult: failureText,
};

/** The application with all its commands; what they do is not loaded yet. */
export function application(): Application<Context> {
  const routes = buildRouteMap<string, Context>({
    routes: {
      ...host_routes,
      sponsor: sponsor_routes,
      agent: agent_routes,
      signal: signal_route,
      keys: keys_routes,
      did: did_routes,
      ...authority_routes,
      ...revocation_routes,
      delegate: delegate_route,
      delegation: delegation_routes,
      trust: trust_routes,
      approvals: approvals_routes,
      run: run_route,
      policy: policy_routes,
      vfs: vfs_routes,
      tools: tools_routes,
      sidecar: sidecar_routes,
      audit: audit_routes,
      ucan: ucan_routes,
      help: help_routes,
    },
    docs: { brief: 'Govern AI agents on every host, with no server', fullDescription: description },
  });
  return buildApplication(routes, {
    name: 'agentmesh',
    versionInfo: { getCurrentVersion: async () => (await import('../version.ts')).packageVersion() },
    scanner: { caseStyle: 'allow-kebab-for-camel', allowArgumentEscapeSequence: true },
    documentation: { onlyRequiredInUsageLine: true },
    localization: { text },
    determineExitCode: (error) => error instanceof FailureError ? exitCodeOf(error.failure) : exit_codes.failed,
  });
}

/** The process with streams that end every text of the library in a newline; its help comes without one. */
function inLines(host: CliProcess): StricliProcess {
  const stream = (target: Screen): StricliProcess['stdout'] => ({
    write: (text) => void target.write(text.endsWith('\n') ? text : `${text}\n`),
    getColorDepth: (environment) => target.isTTY === true ? target.getColorDepth?.(environment) ?? 1 : 1,
  });
  return {
    stdout: stream(host.stdout),
    stderr: stream(host.stderr),
    env: host.env,
    get exitCode() { return host.exitCode ?? null; },
    set exitCode(code) { host.exitCode = code; },
  };
}

/** Runs the command that the arguments name, and sets the exit code of the process. */
export async function main(inputs: readonly string[], host: CliProcess): Promise<void> {
  // A reader that went away (`| head`) is no failure of ours.
  host.stdout.on('error', () => undefined);
  const context = createContext(host);
  let command: readonly string[] = ['agentmesh'];
  await run(application(), inputs, {
    process: inLines(host),
    forCommand: ({ prefix }) => {
      command = prefix;
      return context;
    },
  });
  if (typeof host.exitCode !== 'number' || host.exitCode >= 0) return;
  // The library's own codes are negative: arguments that it could not place, or a fault in loading a command.
  const usage = host.exitCode <= -4;
  host.exitCode = usage ? exit_codes.usage : exit_codes.failed;
  if (usage) context.talk(`fix: ${command.join(' ')} --help`);
}
