/** The OpenAPI 3.1 document of the sidecar, made from its table of routes. */
import type { Json } from '../../crypto/canonical.ts';
import type { Route } from './route.ts';
import { problem_schema, served_call_schema, signal_schema } from './schemas.ts';

const problem_answer = { description: 'What went wrong (RFC 9457); the code is stable', content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } } };
const bytes_content = { schema: { type: 'string', contentMediaType: 'application/octet-stream' } };

function answerOf(route: Route): Json {
  if (route.access === 'stream') {
    return { description: route.events, content: { 'text/event-stream': { schema: { type: 'string' } } } };
  }
  const is_either = route.access === 'agent' && route.or_bytes === true;
  return { description: route.summary, content: { 'application/json': { schema: route.answer }, ...(is_either ? { 'application/octet-stream': bytes_content } : {}) } };
}

function operationOf(route: Route): Json {
  const { operation, summary, parameters = {}, body } = route;
  const named = Object.entries(parameters).map(([name, { in: where, description, schema, required }]) => ({ name, in: where, description, schema, required: required === true }));
  const resumed = route.access === 'stream' && route.resumed === true ? [{ name: 'Last-Event-ID', in: 'header', description: 'The id of the last event that was seen', schema: { type: 'string' }, required: false }] : [];
  return {
    operationId: operation, summary,
    ...(named.length + resumed.length === 0 ? {} : { parameters: [...named, ...resumed] }),
    ...(body === undefined ? {} : { requestBody: { required: true, content: { 'application/json': { schema: body.schema }, ...(body.or_bytes === true ? { 'application/octet-stream': bytes_content } : {}) } } }),
    responses: { 200: answerOf(route), default: problem_answer },
    security: route.access === 'open' ? [] : [{ token: [] }],
  };
}

/** Describes routes. */
export function openApiDocument(routes: readonly Route[], version: string): Json {
  const paths: { [path: string]: { [method: string]: Json } } = {};
  for (const route of routes) paths[route.path] = { ...paths[route.path], [route.method.toLowerCase()]: operationOf(route) };
  return {
    openapi: '3.1.1',
    info: {
      title: 'AgentMesh sidecar', version,
      description: 'The local HTTP API for agents in any language, over a Unix socket or the loopback interface. A token (agentmesh sidecar token AGENT) says which agent a program acts as. There is no CORS: web pages have no access.',
    },
    servers: [{ url: 'http://localhost', description: 'Over the Unix socket sidecar.sock in the data folder, or the address that agentmesh sidecar status shows' }],
    paths,
    components: {
      schemas: { Problem: problem_schema, ServedCall: served_call_schema, Signal: signal_schema },
      securitySchemes: { token: { type: 'http', scheme: 'bearer' } },
    },
  };
}
