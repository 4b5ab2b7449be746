/**
 * Loaded into a node process before its program: connections to certain ports
 * go to others, where a test has a proxy for each, so that the process behaves
 * like a host with one cable. `AGENTMESH_TEST_LINKS` is a JSON object from port to port.
 */
import net from 'node:net';

function linksIn(text: string): ReadonlyMap<number, number> {
  const parsed: unknown = JSON.parse(text);
  return new Map(Object.entries(parsed ?? {}).map(([from, to]: [string, unknown]) => [Number(from), Number(to)]));
}

const links = linksIn(process.env['AGENTMESH_TEST_LINKS'] ?? '{}');
const { connect } = net;

function through(options: unknown): unknown {
  if (typeof options !== 'object' || options === null || !('port' in options)) return options;
  return { ...options, port: links.get(Number(options.port)) ?? options.port };
}

Object.assign(net, { connect: (options: unknown, ...rest: unknown[]): unknown => Reflect.apply(connect, net, [through(options), ...rest]) });
